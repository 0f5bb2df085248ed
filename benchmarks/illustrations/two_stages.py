"""The picture of the README: a photo on its way through both stages.

foveamask demo-data studio --cars 3 --angles 4
python -m benchmarks.illustrations.two_stages PHOTO docs/images/two_stages.png --tile 16 59

PHOTO is studio/train/ada8ec9654fc_02.jpg.
"""

import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import matplotlib as mpl
import numpy as np
from cyclopts import App, Parameter
from matplotlib.figure import Figure

from data.arrays import Mask, Pixels
from data.files import write_bytes
from data.images import read_photo
from data.tile_grid import repeat_pixels
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.reporting.canvas import draw_contour, frame_levels, in_grey, lay_out
from pipeline.reporting.figures import Tile, TileView, view_tile

BLUE, RED, YELLOW = (0, 70, 255), (230, 20, 60), (255, 210, 0)
INCHES = (12.0, 6.1)
DETAIL = (80, 120)
"""Rows and columns of the piece that is enlarged."""

app = App(name="two_stages", help=__doc__, help_format="plaintext")


@dataclass(frozen=True)
class Panel:
    """A picture, its name, and what it holds in numbers."""

    title: str
    shape: str
    picture: Pixels


@app.default
def two_stages(
    photo: Path,
    out: Path,
    /,
    *,
    tile: Annotated[tuple[Count, Count] | None, Parameter(negative=())] = None,
    model: str = DEFAULT_MODEL,
) -> None:
    """Draw the picture of a photo.

    Args:
        photo: the photo.
        out: the picture, a PNG file.
        tile: row and column of the tile that is enlarged; by default the one that changes most.
        model: folder or name of a model.
    """
    segmenter = Segmenter.load(model, device="cpu")
    prediction = segmenter.predict(read_photo(photo))
    write_bytes(out, drawn(panels(segmenter, prediction, tile or changed_most(prediction))))


def panels(segmenter: Segmenter, prediction: Prediction, tile: Tile) -> list[Panel]:
    """Return the pictures in the order of the work."""
    photo, proposal = prediction.photo, prediction.proposal
    view = view_tile(segmenter, prediction, tile, "refined")
    coarse = 1 / (1 + np.exp(-proposal.coarse[0].float().cpu().numpy()))
    rows, columns = proposal.tile_uncertainty.shape[1:]
    sides = ", ".join(f"{len(window)} x {len(window)}" for window in view.windows)
    box = piece(view.tile, prediction)
    return [
        Panel("1  photo", f"{shape(photo)}, uint8", photo),
        Panel(
            "2  the coarse network sees it small",
            f"{shape(coarse)} probabilities",
            in_grey(np.rint(coarse * 255).astype(np.uint8)),
        ),
        Panel(
            "3  it is unsure along the contour",
            f"{len(proposal.tiles)} of {rows * columns:,} tiles of 16 x 16",
            with_tiles(prediction),
        ),
        Panel(
            "4  one tile and what is around it",
            f"{sides} pixels x 4 channels",
            window_picture(view),
        ),
        Panel(
            "5  the refiner corrects the tiles",
            "contour before (blue) and after (red)",
            both_contours(prediction, box),
        ),
        Panel(
            "6  the mask cuts the object out",
            f"{shape(prediction.mask)}, bool",
            on_white(photo, prediction.mask),
        ),
    ]


def shape(picture: np.ndarray[Any, Any]) -> str:
    """Return the shape of an array as a reader says it."""
    return " x ".join(f"{side:,}" for side in picture.shape)


def changed_most(prediction: Prediction) -> Tile:
    """Return the refined tile in which most pixels change sides, as row and column."""
    side = prediction.tile
    changed = (prediction.coarse > 0) != (prediction.logits > 0)
    tiles = prediction.proposal.tiles[:, 1:].tolist()
    row, column = max(
        tiles, key=lambda at: changed[at[0] * side :, at[1] * side :][:side, :side].sum()
    )
    return row, column


def piece(tile: Tile, prediction: Prediction) -> tuple[slice, slice]:
    """Return the box around a tile that is enlarged, inside the photo."""
    starts = (
        min(max(0, at * prediction.tile + prediction.tile // 2 - side // 2), whole - side)
        for at, side, whole in zip(tile, DETAIL, prediction.photo.shape[:2], strict=True)
    )
    top, left = starts
    return slice(top, top + DETAIL[0]), slice(left, left + DETAIL[1])


def with_tiles(prediction: Prediction) -> Pixels:
    """Return the photo with its refined tiles filled in yellow."""
    picture, side = prediction.photo.copy(), prediction.tile
    for row, column in prediction.proposal.tiles[:, 1:].tolist():
        picture[row * side :, column * side :][:side, :side] = YELLOW
    return picture


def window_picture(view: TileView) -> Pixels:
    """Return what the refiner sees of a tile, each level at its own resolution."""
    whole = lay_out(view.rgb, len(view.windows[0]))
    return frame_levels(repeat_pixels(whole, 6), len(view.windows), YELLOW)


def both_contours(prediction: Prediction, box: tuple[slice, slice]) -> Pixels:
    """Return a piece of the photo, enlarged, with the coarse and the refined contour."""
    zoom = 8
    picture = repeat_pixels(prediction.photo[box], zoom)
    for logits, colour in ((prediction.coarse, BLUE), (prediction.logits, RED)):
        inside = repeat_pixels(logits[box] > 0, zoom)
        picture = draw_contour(picture, inside, colour, width=4)
    return picture


def on_white(photo: Pixels, mask: Mask) -> Pixels:
    """Return the object on white."""
    return np.where(mask[..., None], photo, np.uint8(255))


def drawn(parts: list[Panel]) -> bytes:
    """Return the panels as one PNG picture, in two rows."""
    with mpl.rc_context({"font.family": "DejaVu Sans", "svg.hashsalt": "foveamask"}):
        figure = Figure(figsize=INCHES, dpi=100, facecolor="white", layout="constrained")
        for axes, part in zip(figure.subplots(2, 3).flat, parts, strict=True):
            axes.imshow(part.picture, interpolation="antialiased")
            axes.set_title(part.title, fontsize=13, fontweight="bold", loc="left")
            axes.set_xlabel(part.shape, fontsize=12)
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set_color("#bbbbbb")
        stream = BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None})
        return stream.getvalue()


if __name__ == "__main__":
    sys.exit(run(app, sys.argv[1:]))

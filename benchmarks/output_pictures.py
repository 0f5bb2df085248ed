"""Pictures of what `predict` writes for a photo, for the documentation.

    foveamask predict PHOTO RESULTS --output mask,alpha,cutout,geojson
    python -m benchmarks.output_pictures PHOTO RESULTS OUT

OUT/outputs.jpg has them whole, OUT/outputs_detail.png a piece of the contour at 400 %.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from cyclopts import App, Parameter
from numpy.typing import NDArray

from data.arrays import Mask, Pixels
from data.encoding import FORMATS, encode_picture
from data.errors import InputError
from data.files import read_bytes, write_bytes
from data.geometry import Size
from data.images import read_photo, write_png
from data.masks import read_mask
from data.polygons.json_file import decode_object
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.reporting.canvas import at_size, in_grey, panel, white_on_black

SHADES = {"magenta": (255, 0, 255), "black": (0, 0, 0)}

LIGHT, DARK, SQUARE = 255, 205, 24
"""Greys and side of the squares behind what is transparent."""

WIDTH = 640
"""Width of a whole photo in the picture."""

DETAIL, ENLARGED = Size(64, 96), 4

SHIFT = 4
"""Bits of a pixel's fraction when lines are drawn."""

LINE = (0, 200, 0)

Picture = NDArray[Any]
Rings = Sequence[NDArray[np.float64]]

app = App(name="output_pictures", help=__doc__, help_format="plaintext")


@app.default
def output_pictures(
    photo: Path,
    results: Path,
    out: Path,
    /,
    *,
    at: Annotated[tuple[Count, Count] | None, Parameter(negative=())] = None,
) -> None:
    """Draw both pictures.

    Args:
        photo: the photo.
        results: folder of its results.
        out: folder for the pictures.
        at: row and column of the middle of the piece; by default where the contour is steep.
    """
    stem, pixels = photo.stem, read_photo(photo)
    mask = read_mask(results / f"mask/{stem}.png")
    alpha = in_grey(read_picture(results / f"alpha/{stem}.png"))
    rgba = read_picture(results / f"cutout/{stem}.png")
    rings = rings_in(results / f"geojson/{stem}.geojson")
    whole = {
        "photo": pixels,
        "mask": white_on_black(mask),
        "alpha": alpha,
        "cutout": laid_on(rgba, checkerboard(Size(*mask.shape))),
        "cutout on a colour": laid_on(rgba, np.full_like(pixels, (214, 228, 240))),
        "polygons": outlined(pixels, rings, 1, width=3),
    }
    size = Size(round(WIDTH * mask.shape[0] / mask.shape[1]), WIDTH)
    titled = [(name, at_size(picture, size)) for name, picture in whole.items()]
    out.mkdir(parents=True, exist_ok=True)
    write_bytes(out / "outputs.jpg", encode_picture(panel(titled, 3), FORMATS["jpg"], 85))
    write_png(out / "outputs_detail.png", detail(pixels, mask, alpha, rgba, rings, at))


def detail(
    photo: Pixels,
    mask: Mask,
    alpha: Pixels,
    rgba: Picture,
    rings: Rings,
    at: tuple[int, int] | None,
) -> Pixels:
    """Return a piece of all results, enlarged."""
    row, column = at or steep_place(mask)
    top = min(max(row - DETAIL.height // 2, 0), mask.shape[0] - DETAIL.height)
    left = min(max(column - DETAIL.width // 2, 0), mask.shape[1] - DETAIL.width)
    box = np.s_[top : top + DETAIL.height, left : left + DETAIL.width]
    pieces = {
        "photo": enlarged(photo[box]),
        "mask": enlarged(white_on_black(mask)[box]),
        "alpha": enlarged(alpha[box]),
        **{
            f"cutout on {name}": enlarged(laid_on(rgba, np.full_like(photo, shade))[box])
            for name, shade in SHADES.items()
        },
        "polygons": outlined(enlarged(photo[box]), [r - (left, top) for r in rings], ENLARGED),
    }
    return panel(list(pieces.items()), 3)


def read_picture(path: Path) -> Picture:
    """Return the pixels of a PNG as they are, RGB first.

    Raises:
        InputError: it cannot be read.
    """
    pixels = cv2.imdecode(np.frombuffer(read_bytes(path), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise InputError(f"{path} is no picture")
    if pixels.ndim == 3:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA))
    return np.asarray(pixels)


def rings_in(path: Path) -> Rings:
    """Return the rings (N, 2) of x and y in a file of GeoJSON that `predict` wrote."""
    features = decode_object(read_bytes(path))["features"]
    polygons = [polygon for f in features for polygon in f["geometry"]["coordinates"]]
    return [np.array(ring) for polygon in polygons for ring in polygon]


def laid_on(rgba: Picture, behind: Pixels) -> Pixels:
    """Return (H, W, 4) `rgba` on (H, W, 3) `behind`."""
    share = rgba[..., 3:] / np.float32(255)
    mixed = share * rgba[..., :3] + (1 - share) * behind
    return np.asarray(mixed.round(), np.uint8)


def checkerboard(size: Size) -> Pixels:
    """Return (H, W, 3) squares of two greys."""
    rows, columns = np.indices(size) // SQUARE
    grey = np.where((rows + columns) % 2 == 0, LIGHT, DARK).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def outlined(picture: Pixels, rings: Rings, scale: int, width: int = 1) -> Pixels:
    """Return a picture of `scale` pixels for one of the photo, with `rings` drawn on it."""
    drawn = picture.copy()
    for ring in rings:
        # Corners count from the corner of a pixel, OpenCV from its centre.
        points = ((ring * scale - 0.5) * 2**SHIFT).round().astype(np.int32)
        cv2.polylines(drawn, [points], True, LINE, width, cv2.LINE_AA, SHIFT)
    return drawn


def enlarged(picture: Pixels) -> Pixels:
    """Return a picture with squares in place of pixels."""
    return picture.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)


def steep_place(mask: Mask) -> tuple[int, int]:
    """Return row and column of a place on the contour, a quarter of the object from its top."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        raise InputError("the mask is empty")
    row = int(rows[len(rows) // 4])
    return row, int(np.flatnonzero(mask[row])[0])


if __name__ == "__main__":
    sys.exit(run(app))

"""Cutouts against the studio's truth, and what colours cost.

    python -m benchmarks.cutout_bench [--cars 4] [--picture cutouts.png]

The studio knows how much of each pixel is car, and of which colour. The error of a cutout is that
of the pixels within three pixels of the true contour, laid on white, black and magenta, in grey
levels. pymatting takes part if it is installed (`pip install -r
benchmarks/requirements-cutouts.txt`).
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import numpy as np
from cyclopts import App
from numpy.typing import NDArray

from benchmarks.markdown import of_model, table
from benchmarks.timing import on_one_core, seconds_in_turn
from data.arrays import Mask
from data.geometry import Size
from data.images import write_png
from data.studio.photograph import FULL_SIZE
from data.studio.truth import CutOut, render_cutout
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count, HeightWidth
from pipeline.cli.program import run
from pipeline.inference.segmenter import Segmenter
from refine.matte.colours import TILE, object_colours
from refine.matte.coverage import Floats, contour_alpha

SHADES = ((255, 255, 255), (0, 0, 0), (255, 0, 255))

NEAR = np.ones((7, 7))
"""Pixels around the contour that are compared."""

ENLARGED = 4
"""Pixels of the picture for one of the photo, along a side."""

WINDOW = Size(80, 110)

Colours = NDArray[Any]
Cut = tuple[Colours, Floats]
"""Colours (H, W, 3) from 0 to 255, and alpha (H, W)."""

app = App(name="cutout_bench", help=__doc__, help_format="plaintext")


@dataclass(frozen=True)
class Case:
    """A photo with its truth, and a mask with logits."""

    truth: CutOut
    mask: Mask
    logits: Floats

    @property
    def alpha(self) -> Floats:
        """The share of each pixel inside the contour."""
        return contour_alpha(self.mask, self.logits)


@app.default
def cutout_bench(
    *,
    cars: Count = 4,
    model: str = DEFAULT_MODEL,
    size: HeightWidth = FULL_SIZE,
    picture: Path | None = None,
) -> None:
    """Print the error of cutouts of studio photos, then the time of their steps.

    Args:
        cars: number of photos, each of another car.
        model: whose masks are cut out, besides the true ones.
        size: height and width of the photos.
        picture: also draw the contour of one car, cut out in three ways, to this PNG.
    """
    segmenter = Segmenter.load(model, "cpu")
    truths = [render_cutout(0, car, 2 + 3 * car % 14, size=Size(*size)) for car in range(cars)]
    exact = [Case(t, t.coverage > 0.5, t.coverage - np.float32(0.5)) for t in truths]
    predictions = [segmenter.predict(truth.photo) for truth in truths]
    found = [
        Case(truth, prediction.mask, prediction.logits)
        for truth, prediction in zip(truths, predictions, strict=True)
    ]
    print(of_model(segmenter.model, cars))
    with on_one_core():
        print(errors(exact, found), end="\n")
        print(costs(exact), end="")
    if picture is not None:
        write_png(picture, drawn(exact[0]))


def methods() -> dict[str, Callable[[Case], Cut]]:
    """Return how cutouts are made, by name."""
    found: dict[str, Callable[[Case], Cut]] = {
        "mask as alpha, colours of the photo": by_mask,
        "contour, colours of the photo": lambda case: (case.truth.photo, case.alpha),
        "ours": ours,
    }
    if find_spec("pymatting") is not None:
        found["contour, colours by pymatting"] = by_pymatting
    return found


def by_mask(case: Case) -> Cut:
    """Return the cutout of `Image.putalpha`."""
    return case.truth.photo, case.mask.astype(np.float32)


def ours(case: Case) -> Cut:
    """Return the cutout that `predict` writes."""
    alpha = case.alpha
    return object_colours(case.truth.photo, alpha), alpha


def by_pymatting(case: Case) -> Cut:
    """Return multi-level foreground colours, of Germer et al., arXiv:2006.14970."""
    import pymatting

    alpha = case.alpha
    colours = pymatting.estimate_foreground_ml(case.truth.photo / 255, alpha.astype(np.float64))
    return 255 * colours, alpha


def errors(exact: Sequence[Case], found: Sequence[Case]) -> str:
    """Return the table of errors."""
    makers = methods()
    seconds = seconds_in_turn(list(makers.values()), exact, time.process_time)
    rows = []
    for (name, make), taken in zip(makers.items(), seconds, strict=True):
        cells = [
            f"{fmean(error(case, make(case), share) for case in cases):.2f}"
            for cases in (exact, found)
            for share in ("coverage", "alpha")
        ]
        rows.append([name, *cells, f"{1000 * taken:.0f}"])
    headings = ["true mask, sharp", "true mask, lens", "model's mask, sharp", "model's mask, lens"]
    return table(["cutout", *headings, "ms"], rows)


def error(case: Case, cut: Cut, share: str) -> float:
    """Return the mean error in grey levels along the contour.

    Args:
        case: photo and truth.
        cut: what is compared with them.
        share: which alpha is true, `coverage` as a perfect lens would give it, or `alpha`.
    """
    inside = (case.truth.coverage > 0.5).view(np.uint8)
    near = cv2.dilate(inside, NEAR) != cv2.erode(inside, NEAR)
    alpha: Floats = getattr(case.truth, share)
    true, given = (
        (colours[near].astype(np.float64), share_[near][:, None])
        for colours, share_ in ((case.truth.colours, alpha), cut)
    )
    return fmean(float(np.abs(laid(*true, shade) - laid(*given, shade)).mean()) for shade in SHADES)


def laid(colours: Colours, alpha: Floats, shade: tuple[int, int, int]) -> Colours:
    """Return colours on a background of one shade."""
    on: Colours = alpha * colours + (1 - alpha) * np.array(shade)
    return on


def costs(cases: Sequence[Case]) -> str:
    """Return the table of the time of colours, along the contour and in all of a photo."""
    steps: dict[str, Callable[[Case], object]] = {
        "alpha": lambda case: case.alpha,
        "alpha, colours along the contour": ours,
        "alpha, colours of the whole photo": everywhere,
    }
    seconds = seconds_in_turn(list(steps.values()), cases, time.process_time)
    rows = [[name, f"{1000 * taken:.0f}"] for name, taken in zip(steps, seconds, strict=True)]
    return table(["step", "ms"], rows)


def everywhere(case: Case) -> object:
    """Return the cutout that estimates colours in all of the photo."""
    height, width = case.mask.shape
    tiles = np.argwhere(np.ones((-(-height // TILE), -(-width // TILE)), np.bool_))
    return object_colours(case.truth.photo, case.alpha, tiles=tiles)


def drawn(case: Case) -> NDArray[np.uint8]:
    """Return a piece of the contour, enlarged: the photo, by the mask, and ours, on two shades."""
    top = int(np.flatnonzero(case.mask.any(axis=1))[0])
    left = int(np.flatnonzero(case.mask[top + 6])[0])
    row = min(max(top - 12, 0), case.mask.shape[0] - WINDOW.height)
    column = min(max(left - 30, 0), case.mask.shape[1] - WINDOW.width)
    part = (slice(row, row + WINDOW.height), slice(column, column + WINDOW.width))
    pieces = [case.truth.photo[part].astype(np.float64)]
    for colours, alpha in (by_mask(case), ours(case)):
        pieces += [laid(colours[part], alpha[part][..., None], shade) for shade in SHADES[1:]]
    strip = np.concatenate(pieces, axis=1).round().clip(0, 255).astype(np.uint8)
    return strip.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)


if __name__ == "__main__":
    sys.exit(run(app))

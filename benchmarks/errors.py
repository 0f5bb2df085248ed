"""What is wrong in masks, and what is left to gain, on groups held out and groups learnt from.

    python -m benchmarks.errors CARVANA --reference carvana-base --every 4

prints Dice, the Dice that better parts would reach, and how far from the true contour the wrong
pixels lie. The reference has seen neither set, and so tells how much easier one of them is.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isnan, nan
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
from cyclopts import App
from numpy.typing import NDArray

from benchmarks.decisions import check_size
from data.errors import InputError
from data.images import read_photo
from data.masks import read_mask
from data.samples import Sample
from pipeline import DEFAULT_MODEL
from pipeline.cli import Count, run
from pipeline.evaluation import evaluate
from pipeline.evaluation.metrics import Mask, overlap
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Prediction, Segmenter
from pipeline.training.patch_extraction import covered

DISTANCES = (1, 2, 4, 8)
"""Pixels from the contour between which wrong ones are counted."""

THRESHOLDS = np.arange(-3, 3.1, 0.5)
"""Logits tried as the threshold of a photo."""

app = App(name="errors", help_format="plaintext")


@dataclass(frozen=True)
class Errors:
    """What is wrong in the masks of one photo."""

    coarse: float
    """Dice, as those that follow."""
    refined: float
    perfect_tiles: float
    """If all refined tiles were as the true mask has them."""
    best_threshold: float
    """If the photo's best threshold were known: what labels drawn wide or tight cost, at least."""
    wrong: int
    """Pixels of the refined mask."""
    outside: int
    """Of them, those outside the refined tiles."""
    by_distance: NDArray[np.int64]
    """(5,) of them between the `DISTANCES` from the true contour."""
    reference: float = nan
    """Dice of the coarse mask of another model."""


@app.default
def errors(
    data: Path, /, *, model: str = DEFAULT_MODEL, reference: str | None = None, every: Count = 1
) -> None:
    """Print the table.

    Args:
        data: photos with masks.
        model: the model, with a refiner.
        reference: a model that has seen none of the photos.
        every: one in so many photos.
    """
    segmenter = Segmenter.load(model)
    held_out, _ = evaluate.choose(data, segmenter, "unseen")
    everything, _ = evaluate.choose(data, segmenter, "all")
    learnt = [sample for sample in everything if sample not in held_out]
    bad = evaluate.data_settings(segmenter.model).get("exclude", ())
    sets = {
        name: [sample for sample in some[::every] if sample.name not in bad]
        for name, some in {"held out": held_out, "learnt from": learnt}.items()
        if some
    }
    other = Segmenter.load(reference) if reference else None
    if other:  # what means nothing is to be known before the work
        for name, some in sets.items():
            if any(sample.group in other.model.seen for sample in some):
                raise InputError(f"{reference} has learnt from photos of those {name}")
    columns = {
        name: [errors_of_sample(sample, segmenter, other) for sample in some]
        for name, some in sets.items()
    }
    print(table(columns))


def errors_of_sample(sample: Sample, segmenter: Segmenter, reference: Segmenter | None) -> Errors:
    """Return what is wrong in the masks of one photo."""
    photo, truth = read_photo(sample.photo), read_mask(sample.mask)
    found = errors_of(segmenter.predict(photo, MaskOptions(postprocess=())), truth)
    if reference is None:
        return found
    coarse = reference.predict(photo, MaskOptions(stage="coarse")).coarse > 0
    return replace(found, reference=overlap(coarse, truth).dice)


def errors_of(prediction: Prediction, truth: Mask) -> Errors:
    """Return what is wrong in a prediction at working size, against the (H, W) `truth`.

    Raises:
        InputError: the photo was not at its working size.
    """
    check_size(prediction.proposal)
    coarse, refined = prediction.coarse > 0, prediction.logits > 0
    inside = in_tiles(prediction)
    wrong = refined != truth
    edges = [-np.inf, *DISTANCES, np.inf]
    return Errors(
        coarse=overlap(coarse, truth).dice,
        refined=overlap(refined, truth).dice,
        perfect_tiles=overlap(np.where(inside, truth, coarse), truth).dice,
        best_threshold=max(overlap(prediction.logits > t, truth).dice for t in THRESHOLDS),
        wrong=int(wrong.sum()),
        outside=int((wrong & ~inside).sum()),
        by_distance=np.histogram(distance_to_contour(truth)[wrong], edges)[0].astype(np.int64),
    )


def in_tiles(prediction: Prediction) -> Mask:
    """Return (H, W): which pixels of a photo at working size lie in a refined tile."""
    height, width = prediction.proposal.working
    return covered(prediction.tiles, prediction.proposal.padded, prediction.tile)[:height, :width]


def distance_to_contour(mask: Mask) -> NDArray[np.float32]:
    """Return (H, W) pixels from each pixel's middle to the edge between it and the other side.

    Half a pixel beside a straight contour; infinite where the mask has none.
    """
    if mask.all() or not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    both = [
        cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for side in (mask, ~mask)
    ]
    return np.asarray(np.maximum(*both) - 0.5, np.float32)


def table(columns: Mapping[str, Sequence[Errors]]) -> str:
    """Return means over the photos of each column, as a table in Markdown."""
    between = [f"{low} to {high} px" for low, high in pairwise((0, *DISTANCES))]
    between.append(f"more than {DISTANCES[-1]} px")
    dice: dict[str, Callable[[Errors], float]] = {
        "coarse Dice": lambda e: e.coarse,
        "refined Dice": lambda e: e.refined,
        "with each photo's best threshold": lambda e: e.best_threshold,
        "if no refined tile erred": lambda e: e.perfect_tiles,
    }
    if not any(isnan(e.reference) for some in columns.values() for e in some):
        dice = {"coarse Dice of the reference": lambda e: e.reference} | dice
    pixels: dict[str, Callable[[Errors], float]] = {
        "wrong pixels a photo": lambda e: e.wrong,
        "of them outside refined tiles": lambda e: e.outside,
    }
    for i, name in enumerate(between):
        pixels[f"of them {name} from the contour"] = number_within(i)
    lines = [
        f"| | {' | '.join(f'{name}, {len(some)} photos' for name, some in columns.items())} |",
        "|---" * (1 + len(columns)) + "|",
    ]
    for rows, form in ((dice, ".5f"), (pixels, ".0f")):
        for name, value in rows.items():
            cells = [f"{fmean(map(value, some)):{form}}" for some in columns.values()]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def number_within(i: int) -> Callable[[Errors], float]:
    """Return what looks up the wrong pixels in the `i`-th range of distances."""
    return lambda errors: int(errors.by_distance[i])


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.exit(run(app))

"""Errors in masks, and what is left to gain, on groups not trained on and on groups trained on.

    python -m benchmarks.wrong_pixels CARVANA --reference carvana-base --every 4

prints Dice, the Dice that better parts of the model would reach, and the distances of wrong pixels
from the true contour. A reference model that was trained on neither set shows whether one of the
sets is easier.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import cv2
from cyclopts import App

from benchmarks.markdown import of_model, table
from benchmarks.thinning import one_in
from data.errors import InputError
from data.images import read_photo
from data.samples import Sample, read_sample_mask
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.evaluation import evaluate
from pipeline.evaluation.error_breakdown import DISTANCES, ErrorBreakdown, break_down
from pipeline.evaluation.metrics import overlap
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter

app = App(name="wrong_pixels", help_format="plaintext")


@dataclass(frozen=True)
class PhotoErrors:
    """Errors in the masks of one photo."""

    breakdown: ErrorBreakdown
    reference: float | None = None
    """Dice of the coarse mask of the reference model, if there is one."""


@app.default
def wrong_pixels(
    data: Path, /, *, model: str = DEFAULT_MODEL, reference: str | None = None, every: Count = 1
) -> None:
    """Print the table.

    Args:
        data: photos with masks.
        model: the model, with a refiner.
        reference: a model that was trained on none of the photos.
        every: one in so many photos.
    """
    segmenter = Segmenter.load(model)
    sets = {
        name: one_in(every, samples)
        for name, samples in samples_by_set(data, segmenter).items()
        if samples
    }
    excluded = evaluate.data_settings(segmenter.model).get("exclude", ())
    sets = {name: [s for s in samples if s.name not in excluded] for name, samples in sets.items()}
    other = Segmenter.load(reference) if reference else None
    if other:  # an invalid comparison is refused before the work
        for name, samples in sets.items():
            if any(sample.group in other.model.seen for sample in samples):
                raise InputError(f"{reference} was trained on photos of the column {name!r}")
    columns = {
        name: [errors_of_sample(sample, segmenter, other) for sample in samples]
        for name, samples in sets.items()
    }
    print(of_model(segmenter.model, sum(map(len, columns.values()))))
    print(error_table(columns))


def samples_by_set(data: Path, segmenter: Segmenter) -> dict[str, list[Sample]]:
    """Return the photos that the model was not trained on, and those that it was.

    Raises:
        InputError: it was trained on all of them.
    """
    unseen, _ = evaluate.choose(data, segmenter, "unseen")
    everything, _ = evaluate.choose(data, segmenter, "all")
    seen = [sample for sample in everything if sample not in unseen]
    return {"not trained on": unseen, "trained on": seen}


def errors_of_sample(
    sample: Sample, segmenter: Segmenter, reference: Segmenter | None
) -> PhotoErrors:
    """Return the errors in the masks of one photo.

    Raises:
        InputError: photo or mask is damaged, or the photo was resampled to its working size.
    """
    photo, truth = read_photo(sample.photo), read_sample_mask(sample)
    breakdown = break_down(segmenter.predict(photo, MaskOptions(postprocess=())), truth)
    if reference is None:
        return PhotoErrors(breakdown)
    coarse = reference.predict(photo, MaskOptions(stage="coarse")).coarse > 0
    return PhotoErrors(breakdown, overlap(coarse, truth).dice)


def error_table(columns: Mapping[str, Sequence[PhotoErrors]]) -> str:
    """Return means over the photos of each column, as a table in Markdown."""
    dice: dict[str, Callable[[ErrorBreakdown], float]] = {
        "coarse Dice": lambda e: e.coarse,
        "refined Dice": lambda e: e.refined,
        "with each photo's best threshold": lambda e: e.best_threshold,
        "if no refined tile erred": lambda e: e.perfect_tiles,
    }
    pixels: dict[str, Callable[[ErrorBreakdown], float]] = {
        "wrong pixels a photo": lambda e: e.wrong,
        "of them outside refined tiles": lambda e: e.outside,
    }
    ranges = [f"{low} to {high} px" for low, high in pairwise((0, *DISTANCES))]
    for i, name in enumerate([*ranges, f"more than {DISTANCES[-1]} px"]):
        pixels[f"of them {name} from the contour"] = wrong_in_range(i)

    rows = []
    references = [[p.reference for p in ps if p.reference is not None] for ps in columns.values()]
    if all(references):
        cells = [f"{fmean(values):.5f}" for values in references]
        rows.append(["coarse Dice of the reference", *cells])
    for values, form in ((dice, ".5f"), (pixels, ".0f")):
        for name, value in values.items():
            means = [fmean(value(p.breakdown) for p in photos) for photos in columns.values()]
            rows.append([name, *(f"{mean:{form}}" for mean in means)])
    headings = [f"{name}, {len(photos)} photos" for name, photos in columns.items()]
    return table(["", *headings], rows)


def wrong_in_range(i: int) -> Callable[[ErrorBreakdown], float]:
    """Return a function that gives the wrong pixels in the `i`-th range of distances."""
    return lambda breakdown: int(breakdown.by_distance[i])


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.exit(run(app))

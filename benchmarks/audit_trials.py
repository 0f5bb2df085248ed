"""How well `foveamask audit` finds wrong masks: errors are planted in masks of held-out photos.

    pip install -r benchmarks/requirements-audit.txt
    python -m benchmarks.audit_trials CARVANA --cleanlab

One error of a kind at a time is planted in one photo, and all photos are ranked; it is found if it
is within the first 2 %. This is done for every photo. The other masks are as they are, so what is
really wrong among them costs recall. The baseline is cleanlab's score of a photo: the soft minimum,
over all pixels, of the probability of the true label.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from math import ceil
from pathlib import Path

import cv2
import numpy as np
from cyclopts import App
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.markdown import of_model, table
from benchmarks.thinning import one_in
from data.arrays import Mask
from data.images import read_photo
from data.samples import Sample, read_sample_mask
from data.threads import raise_first
from pipeline import DEFAULT_MODEL
from pipeline.auditing.disagreement import disagreement
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.evaluation.evaluate import choose
from pipeline.evaluation.metrics import contour
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import map_photos
from pipeline.progress import progress

app = App(name="python -m benchmarks.audit_trials", help_format="plaintext")

FIRST = 0.02
"""Share of the photos that is looked at."""

RADII = (15, 40)
"""Of the disc on the contour that is taken away or added, in pixels."""

LEAST = 300
"""Pixels that such an error has at least."""

SHIFT = 3
"""Pixels that a mask is moved by."""

Score = Callable[[NDArray[np.float32], Mask], float]
"""Returns how suspicious a mask is, from logits and the mask."""

Plant = Callable[[Mask, Mask, np.random.Generator], Mask]
"""Returns a wrong mask, given the right one and that of a neighbour."""


def ours(logits: NDArray[np.float32], truth: Mask) -> float:
    """Return the score of `foveamask audit`."""
    return disagreement(logits, truth).score


def cleanlabs(logits: NDArray[np.float32], truth: Mask) -> float:
    """Return how low cleanlab's score is; photos are scored one by one, as it scores them."""
    from cleanlab.segmentation.rank import get_label_quality_scores  # type: ignore[import-not-found]

    p = expit(logits.astype(np.float64))
    scores, _ = get_label_quality_scores(
        truth[None].astype(np.int64), np.stack([1 - p, p])[None], verbose=False
    )
    return -float(scores[0])


def disc(mask: Mask, random: np.random.Generator, *, added: bool) -> Mask:
    """Return a mask with a disc on its contour added or taken away."""
    edge = np.argwhere(contour(mask))
    while True:
        row, column = edge[random.integers(len(edge))]
        radius = int(random.integers(RADII[0], RADII[1] + 1))
        drawn = np.zeros(mask.shape, np.uint8)
        round_ = cv2.circle(drawn, (int(column), int(row)), radius, 1, -1) > 0
        wrong = mask | round_ if added else mask & ~round_
        if np.count_nonzero(wrong != mask) >= LEAST:
            return np.asarray(wrong)


def moved(mask: Mask, random: np.random.Generator) -> Mask:
    """Return a mask moved by `SHIFT` pixels in any direction."""
    angle = random.uniform(0, 2 * np.pi)
    matrix = np.array([[1, 0, SHIFT * np.cos(angle)], [0, 1, SHIFT * np.sin(angle)]])
    levels = mask.astype(np.uint8) * 255
    size = mask.shape[::-1]
    warped = cv2.warpAffine(levels, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped >= 128)


ERRORS: dict[str, Plant] = {
    "a part missing": lambda mask, _, random: disc(mask, random, added=False),
    "a part too much": lambda mask, _, random: disc(mask, random, added=True),
    "the mask of the next angle": lambda _, other, __: other,
    f"moved by {SHIFT} pixels": lambda mask, _, random: moved(mask, random),
}


@app.default
def trials(
    data: Path, /, *, model: str = DEFAULT_MODEL, every: Count = 1, cleanlab: bool = False
) -> None:
    """Print which share of planted errors is within the first 2 % of photos.

    Args:
        data: photos with masks, of which those are used that the model was not trained on.
        model: the model.
        every: one in so many photos.
        cleanlab: also score by cleanlab.
    """
    segmenter = Segmenter.load(model)
    samples, _ = choose(data, segmenter, "unseen")
    samples = one_in(every, samples)
    scores: dict[str, Score] = {"audit": ours}
    if cleanlab:
        scores["cleanlab"] = cleanlabs
    others = {sample.name: neighbour(sample, samples) for sample in samples}

    def measure(sample: Sample) -> dict[str, dict[str, float]]:
        logits, mask = segmenter.predict(read_photo(sample.photo)).logits, read_sample_mask(sample)
        other = read_sample_mask(others[sample.name])
        random = np.random.default_rng(samples.index(sample))
        masks = {"": mask} | {name: plant(mask, other, random) for name, plant in ERRORS.items()}
        return {
            kind: {name: score(logits, given) for name, given in masks.items()}
            for kind, score in scores.items()
        }

    found = []
    with closing(raise_first(map_photos(measure, samples))) as results, progress("scoring") as on:
        for one in results:
            found.append(one)
            on(len(found), len(samples))
    print(of_model(segmenter.model, len(samples)))
    rows = [[name, *(f"{recall(found, kind, name):.3f}" for kind in scores)] for name in ERRORS]
    print(table(["planted error", *scores], rows))


def neighbour(sample: Sample, samples: Sequence[Sample]) -> Sample:
    """Return the next photo of the same group, from the other side of its first and last."""
    group = [other for other in samples if other.group == sample.group]
    return group[(group.index(sample) + 1) % len(group)]


def recall(found: Sequence[Mapping[str, Mapping[str, float]]], kind: str, error: str) -> float:
    """Return the share of photos whose planted error is within the first of them all."""
    clean = np.array([one[kind][""] for one in found])
    num = ceil(FIRST * len(found))
    ranks = [
        np.count_nonzero(np.delete(clean, i) >= one[kind][error]) for i, one in enumerate(found)
    ]
    return float(np.mean(np.array(ranks) < num))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.exit(run(app))

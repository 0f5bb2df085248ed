"""What a review of masks of held-out photos finds, and what a stroke gains.

    python -m benchmarks.review_trials CARVANA --every 3

The photos are those that the model was not trained on. Their masks are looked at in the order of
`foveamask review`. A stroke is simulated: of the enlarged places, a person sees the one with most
wrong pixels, and draws over the middle of the largest wrong part in it what should be there.
"""

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from pathlib import Path

import cv2
import numpy as np
from cyclopts import App
from numpy.typing import NDArray

from benchmarks.markdown import of_model, table
from benchmarks.thinning import one_in
from data.arrays import Mask
from data.images import read_photo
from data.samples import Sample, read_sample_mask
from data.threads import raise_first
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count, Tolerance
from pipeline.cli.program import run
from pipeline.evaluation.evaluate import choose
from pipeline.evaluation.metrics import overlap
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import map_photos
from pipeline.progress import progress
from pipeline.reviewing.correction import corrected
from pipeline.reviewing.first_mask import FirstMask, first_mask
from pipeline.reviewing.places import Place, uncertain_places
from pipeline.reviewing.strokes import FADE, Stroke

app = App(name="python -m benchmarks.review_trials", help_format="plaintext")

OPTIONS = MaskOptions()

LIMITS = (0.99, 0.993, 0.995)
"""Dice that masks are to have."""

FIRST = (0.05, 0.1, 0.2, 0.3)
"""Shares of the photos that are looked at."""

SAME = 1e-6
"""Dice by which a mask must change to be better or worse."""


@dataclass(frozen=True)
class Trial:
    """A photo that was reviewed."""

    expected: float
    """Expected Dice."""
    true: float
    """Dice."""
    shown: float
    """Share of the wrong pixels that lie in the enlarged places."""
    after: float | None
    """Dice after a stroke; None if nothing is wrong in any place."""


@app.default
def trials(
    data: Path, /, *, model: str = DEFAULT_MODEL, every: Count = 1, fade: Tolerance = FADE
) -> None:
    """Print the tables.

    Args:
        data: photos with masks, of which those are used that the model was not trained on.
        model: the model.
        every: one in so many photos.
        fade: pixels over which strokes fade out.
    """
    segmenter = Segmenter.load(model)
    samples = one_in(every, choose(data, segmenter, "unseen")[0])

    def measure(sample: Sample) -> Trial:
        photo, truth = read_photo(sample.photo), read_sample_mask(sample)
        return trial(segmenter, first_mask(segmenter, photo, None, OPTIONS), truth, fade)

    found: list[Trial] = []
    with closing(raise_first(map_photos(measure, samples))) as results, progress("trying") as on:
        for one in results:
            found.append(one)
            on(len(found), len(samples))
    print(of_model(segmenter.model, len(samples)))
    print(seen_table(found))
    print(stroke_table(found))


def trial(segmenter: Segmenter, first: FirstMask, truth: Mask, fade: float = FADE) -> Trial:
    """Return what a review sees of a photo, and what a stroke gains."""
    own = corrected(segmenter, first)
    places = uncertain_places(own.sums, first.tile, first.proposal.working)
    mask = own.mask(segmenter, OPTIONS)
    wrong = mask != truth
    before = overlap(mask, truth).dice
    in_places = np.zeros(wrong.shape, np.bool_)
    for place in places:
        in_places[place.y : place.y + place.side, place.x : place.x + place.side] = True
    shown = float((wrong & in_places).sum() / max(1.0, float(wrong.sum())))
    stroke = simulated_stroke(wrong, truth, places)
    if stroke is None:
        return Trial(own.expected_dice, before, shown, None)
    result = corrected(segmenter, first, [stroke], fade=fade)
    after = overlap(result.mask(segmenter, OPTIONS), truth).dice
    return Trial(own.expected_dice, before, shown, after)


def simulated_stroke(wrong: Mask, truth: Mask, places: Sequence[Place]) -> Stroke | None:
    """Return what a person would draw: over the largest wrong part of the worst place.

    Args:
        wrong: (H, W) pixels of a photo at working size.
        truth: (H, W).
        places: what the person sees.

    Returns:
        A line of up to four points along the middle of the part; None if nothing is wrong.
    """

    def num_wrong(place: Place) -> int:
        return int(np.count_nonzero(_cut(wrong, place)))

    worst = max(places, key=num_wrong)
    if not num_wrong(worst):
        return None
    parts = _cut(wrong, worst).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(parts, connectivity=8)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    part = labels == largest
    points = middle_of(part)
    is_object = bool(_cut(truth, worst)[part].mean() > 0.5)
    depth = cv2.distanceTransform(np.pad(part, 1).view(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    radius = max(1.0, float(np.median([depth[int(y), int(x)] for x, y in points])) - 0.5)
    moved = tuple((x + worst.x + 0.5, y + worst.y + 0.5) for x, y in points)
    return Stroke(is_object, moved, radius)


def middle_of(part: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Return up to four points of a line along the middle of a part, x and y."""
    depth = cv2.distanceTransform(np.pad(part, 1).view(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    ys, xs = np.nonzero(part)
    centred = np.stack([xs, ys], axis=1) - [xs.mean(), ys.mean()]
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    ends = np.quantile(along, [0, 0.25, 0.5, 0.75, 1])
    points = []
    for low, high in pairwise(ends):
        inside = np.flatnonzero((along >= low) & (along <= high))
        best = inside[depth[ys[inside], xs[inside]].argmax()]
        points.append((float(xs[best]), float(ys[best])))
    return list(dict.fromkeys(points))


def _cut(mask: Mask, place: Place) -> Mask:
    return mask[place.y : place.y + place.side, place.x : place.x + place.side]


def seen_table(found: Sequence[Trial]) -> str:
    """Return how many of the masks below a Dice are among the first that are looked at."""
    ordered = sorted(found, key=lambda one: one.expected)
    rows = []
    for limit in LIMITS:
        bad = np.array([one.true < limit for one in ordered])
        expected = sum(one.expected < limit for one in ordered)
        seen = [f"{bad[: ceil(share * len(bad))].sum()}" for share in FIRST]
        rows.append([f"{limit:g}", f"{bad.sum()}", f"{expected}", *seen])
    headings = [f"in the first {100 * share:g} %" for share in FIRST]
    return table(["Dice below", "masks", "expected", *headings], rows)


def stroke_table(found: Sequence[Trial]) -> str:
    """Return what a stroke gains, for the least certain half of the photos and all of them."""
    ordered = sorted(found, key=lambda one: one.expected)
    rows = []
    for name, some in (("first tenth", ordered[: ceil(len(ordered) / 10)]), ("all", ordered)):
        with_stroke = [(one.true, one.after) for one in some if one.after is not None]
        before, after = np.array(with_stroke).T
        cells = [f"{before.mean():.5f}", f"{after.mean():.5f}"]
        better, worse = (after > before + SAME).mean(), (after < before - SAME).mean()
        cells += [f"{100 * better:.0f}", f"{100 * worse:.0f}"]
        shown = np.mean([one.shown for one in some])
        row = [name, f"{len(with_stroke)}", *cells, f"{100 * shown:.0f}"]
        rows.append(row)
    headings = ["photos", "strokes", "Dice before", "after", "better, %", "worse, %"]
    return table([*headings, "wrong pixels in the places, %"], rows)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.exit(run(app))

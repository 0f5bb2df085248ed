"""Whether a refined mask is better than the one that was given, without knowing the true one.

The refiner is wrong somewhere too. Its probabilities say how much: their sum of min(p, 1 - p) over
the band is the number of wrong pixels that it expects. A given mask that is exact differs from the
refined one by about as many pixels. One that is off differs by more. So a photo's mask is replaced
only if the two differ by clearly more than the refiner's own errors. They must do so along most of
the contour: where only a strip of it has moved, it may be the refiner that is wrong there, such as
at a dark sill that it takes for shadow. For the same reason no place moves much farther than the
contour has moved elsewhere.

Single places may be wrong where the rest is exact, such as a hole or a lump. A place is replaced by
itself if the contours are far apart there and the refiner is certain. It says nothing of the rest.

Shapes: H x W a photo at working size.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask
from refine.distance import signed_distance

CERTAIN = 0.92
"""Mean probability that the refiner is right in a place, from which the place alone may be
replaced."""

CELL = 16
"""Side in pixels of the squares in which the changes along the contour are counted."""

LEFT_OUT = 0.1
"""Share of the squares, those with the most changes, that the mask must have moved without."""

REST = 0.75
"""By how much, as a share of what the whole contour must have moved by."""

USUAL = 75
"""Percentile of the distances by which the contour has moved, over the changed pixels."""

FARTHER = 2
"""Times that distance, and a pixel besides, that any place may move by."""

CUT_OFF = 16
"""Changed pixels at the rim of the band from which the contour may have to move further."""

LEAST = 1.75, 20.0
"""The least values that `fit_guard` chooses, by what the package's refiner made of masks of cars
that it was not trained on (docs/results/accuracy.md)."""

MARGIN = 1.5
"""What exact masks were seen to differ by is taken so many times."""


@dataclass(frozen=True)
class Guard:
    """By how much masks must differ, for the refiner of a model.

    A refiner that was trained for a short time is surer than it is right. What it does to masks
    that are known to be exact tells how much surer: see `fit_guard`.

    Raises:
        ValueError: a value is no finite number above 0.
    """

    moved: float = LEAST[0]
    """Pixels by which the masks of a photo must differ, for each that the refiner expects to be
    wrong, besides places that are replaced by themselves."""
    far: float = LEAST[1]
    """Largest distance in pixels of a place from the given contour, from which a place alone is
    replaced if the refiner is certain."""

    def __post_init__(self) -> None:
        for name in ("moved", "far"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 < value < math.inf:
                raise ValueError(f"guard.{name} is a number above 0, not {value!r}")

    @classmethod
    def from_json(cls, values: Any) -> "Guard":
        """Return the guard that `to_json` describes.

        Raises:
            ValueError: `values` are something else.
        """
        if not isinstance(values, Mapping):
            raise ValueError("guard is a table")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError("guard has other values") from error

    def to_json(self) -> dict[str, float]:
        """Return all values by their names."""
        return asdict(self)


DEFAULT_GUARD = Guard()


@dataclass(frozen=True)
class Change:
    """What the refiner makes of a mask, whether or not it is accepted."""

    moved: float
    """As in `Decision`, with no place left out."""
    far: float
    """Largest distance in pixels from the given contour of the places that it is certain of; 0 if
    there are none."""


@dataclass(frozen=True)
class Decision:
    """What becomes of a refined mask."""

    accepted: Mask
    """(H, W): where the refined mask is taken."""
    moved: float
    """Pixels by which the masks differ for each that the refiner expects to be wrong, besides
    places that are far off."""
    kept: float
    """Share of the pixels by which the masks differ that stay as given; 0 if they do not differ."""


def decide(
    given: Mask, refined: NDArray[np.float32], band: Mask, guard: Guard = DEFAULT_GUARD
) -> Decision:
    """Return where the refined mask is to replace the given one.

    Args:
        given: (H, W).
        refined: (H, W) logits, above zero is object.
        band: (H, W): the pixels that were refined.
        guard: by how much the masks must differ.
    """
    differs, doubt = _compared(given, refined, band)
    distance = np.abs(signed_distance(given))
    places = certain_places(distance, doubt, differs, guard.far)[0]
    others = differs & ~places
    num_differing, num_others = (int(np.count_nonzero(each)) for each in (differs, others))
    moved = num_others / _num_expected(doubt, band)
    rest = moved_without_the_most_changed(others, doubt, band)
    if moved < guard.moved or rest < REST * guard.moved:
        return Decision(places, moved, num_others / max(1, num_differing))
    farthest = FARTHER * np.percentile(distance[others], USUAL) + 1
    too_far = others & (distance > farthest)
    kept = int(np.count_nonzero(too_far)) / max(1, num_differing)
    return Decision(band & ~too_far, moved, kept)


def change(given: Mask, refined: NDArray[np.float32], band: Mask) -> Change:
    """Return what is changed of a mask; the arguments are those of `decide`."""
    differs, doubt = _compared(given, refined, band)
    moved = int(np.count_nonzero(differs)) / _num_expected(doubt, band)
    distance = np.abs(signed_distance(given))
    return Change(moved, certain_places(distance, doubt, differs, math.inf)[1])


def fit_guard(exact: Sequence[Change]) -> Guard:
    """Return the guard that keeps exact masks, by what the refiner makes of some of them.

    A new mask is kept about as surely as it changes no more than all that were seen, and half
    of that besides. The guard is never below `LEAST`.

    Args:
        exact: what is changed of exact masks of photos that the refiner was not trained on.
    """
    seen = (max((getattr(one, name) for one in exact), default=0.0) for name in ("moved", "far"))
    # Rounded, since sums of floats differ in their last digits from call to call.
    values = [
        round(max(least, MARGIN * value), 3) for least, value in zip(LEAST, seen, strict=True)
    ]
    return Guard(*values)


def reaches_rim(differs: Mask, band: Mask) -> bool:
    """Whether a mask differs (H, W) at the rim of the (H, W) band that was refined."""
    # Beyond the photo's border nothing is missing.
    inner = cv2.erode(band.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return int(np.count_nonzero(differs & band & ~inner)) >= CUT_OFF


def moved_without_the_most_changed(changed: Mask, doubt: NDArray[np.float32], band: Mask) -> float:
    """Return how far the contour has moved but for the tenth of it that has moved most.

    Args:
        changed: (H, W) pixels.
        doubt: (H, W) probability that the refiner is wrong.
        band: (H, W) pixels that were refined.

    Returns:
        Changed pixels for each that the refiner expects to be wrong.
    """
    rows, columns = np.nonzero(band)
    cells = rows // CELL * (band.shape[1] // CELL + 1) + columns // CELL
    num_changed = np.bincount(cells, changed[rows, columns])
    num_expected = np.bincount(cells, doubt[rows, columns])
    along = np.flatnonzero(num_changed + num_expected >= 1)  # the contour, old or new
    by_change = along[np.argsort(-num_changed[along], kind="stable")]
    rest = by_change[int(LEFT_OUT * len(along)) :]
    return float(num_changed[rest].sum() / max(1.0, num_expected[rest].sum()))


def certain_places(
    distance: NDArray[np.float32], doubt: NDArray[np.float32], differs: Mask, far: float
) -> tuple[Mask, float]:
    """Return the places, of those where a mask `differs` (H, W), that alone are reason enough.

    Args:
        distance: (H, W) pixels to the given contour.
        doubt: (H, W) probability that the refiner is wrong.
        differs: (H, W) changed pixels.
        far: distance from the given contour that a place must be above, in pixels.

    Returns:
        The (H, W) places, and the largest distance of any place that the refiner is certain of.
    """
    num, labels = cv2.connectedComponents(differs.view(np.uint8), connectivity=8)
    rows, columns = np.nonzero(differs)
    own = np.asarray(labels)[rows, columns].astype(np.intp)
    area = np.maximum(1, np.bincount(own, minlength=num))
    certainty = 1 - np.bincount(own, doubt[rows, columns], minlength=num) / area
    farthest = np.zeros(num)
    np.maximum.at(farthest, own, distance[rows, columns].astype(np.float64))
    farthest[(certainty < CERTAIN) | (np.arange(num) == 0)] = 0
    return np.asarray((farthest > far)[np.asarray(labels)]), float(farthest.max())


def _compared(
    given: Mask, refined: NDArray[np.float32], band: Mask
) -> tuple[Mask, NDArray[np.float32]]:
    """Return where masks differ (H, W), and how likely the refiner is wrong there (H, W)."""
    odds = np.exp(-np.abs(refined))
    return band & ((refined > 0) != given), np.asarray(odds / (1 + odds), np.float32)


def _num_expected(doubt: NDArray[np.float32], band: Mask) -> float:
    """Return the number of pixels that the refiner expects to be wrong, at least one."""
    return max(1.0, float(doubt[band].sum(dtype=np.float64)))

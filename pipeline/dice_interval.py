"""The interval that holds the true Dice of a mask, around the Dice that the model expects of it.

What is expected and what is true differ by a factor of the errors, whether masks are good or bad:
on the scale of logits, log(Dice / (1 - Dice)), their difference is spread alike everywhere. So an
interval is two limits of that difference. They are found by split conformal prediction on photos
that the networks were not trained on (Vovk et al., "Algorithmic Learning in a Random World", 2005).
Photos of one group, such as one car, are alike, so each group counts as one, and the interval is
for photos of new groups (Lee, Barber and Willett, "Distribution-free inference with hierarchical
data", arXiv:2306.06342).

Shapes: N photos.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.ranges import shown

Floats = NDArray[np.float64]

LEVEL = 0.9
"""Share of photos whose true Dice the interval is to hold, at least."""

MIN_GROUPS = 9
"""With fewer groups no interval holds for `LEVEL` of new ones: LEVEL * (K + 1) / K is above 1."""

NEAREST = 1e-6
"""Dice is kept that far from 0 and 1, where its logit would be infinite."""

FURTHEST = 50.0
"""Largest limit, as logit; beyond it a Dice is 0 or 1."""

NARROWEST = 1e-3
"""Smallest spread of differences, as logit, below and above their median."""


@dataclass(frozen=True)
class DiceInterval:
    """Limits of the difference of true and expected Dice, and what they were found on.

    Raises:
        ValueError: a value is not finite or out of its range.
    """

    low: float
    """Lower limit, as logit; below `high`."""
    high: float
    """Upper limit, as logit."""
    level: float
    """Share of photos that it is to hold for, from 0 to 1."""
    photos: int
    """Number of photos that it was fitted to."""
    groups: int
    """Number of their groups."""
    coverage: float
    """Share of these photos that it holds for if their own group is left out of the fit, from 0 to
    1; the mean over groups."""

    def __post_init__(self) -> None:
        numbers = (self.low, self.high, self.level, self.coverage)
        if not all(type(value) in (int, float) and math.isfinite(value) for value in numbers):
            raise ValueError(f"the limits of a Dice are finite numbers, not {shown(numbers)}")
        if not -FURTHEST <= self.low < self.high <= FURTHEST:
            raise ValueError(f"the limits of a Dice are low < high, not {self.low} and {self.high}")
        if not (0 < self.level < 1 and 0 <= self.coverage <= 1):
            raise ValueError("the level and the coverage of the limits of a Dice are shares")
        if not all(type(value) is int and value > 0 for value in (self.photos, self.groups)):
            raise ValueError("the limits of a Dice are of a number of photos and of groups")

    @classmethod
    def from_json(cls, values: Any) -> "DiceInterval":
        """Return the interval that `to_json` describes.

        Raises:
            ValueError: `values` are something else.
        """
        if not isinstance(values, Mapping):
            raise ValueError("dice_interval is a table")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError("dice_interval has other values") from error

    def to_json(self) -> dict[str, Any]:
        """Return all values by their names."""
        return asdict(self)

    def around(self, expected: float) -> tuple[float, float]:
        """Return the lower and the upper end, from 0 to 1, for an expected Dice."""
        middle = float(_logit(np.array(expected)))
        return _dice(middle + self.low), _dice(middle + self.high)


def fit_dice_interval(
    expected: Sequence[float], true: Sequence[float], groups: Sequence[str], level: float = LEVEL
) -> DiceInterval | None:
    """Return the interval for photos of new groups; None if there are fewer than `MIN_GROUPS`.

    Args:
        expected: (N,) Dice that the model expects, from 0 to 1.
        true: (N,) true Dice, from 0 to 1.
        groups: (N,) names of the photos' groups, none of which the networks were trained on.
        level: share of photos to hold for.
    """
    names, of_group = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < MIN_GROUPS:
        return None
    differences = _logit(np.array(true, float)) - _logit(np.array(expected, float))
    shares = []
    for i in range(len(names)):
        inside = of_group == i
        low, high = limits(differences[~inside], of_group[~inside], level)
        own = differences[inside]
        shares.append(float(((low <= own) & (own <= high)).mean()))
    low, high = limits(differences, of_group, level)
    return DiceInterval(
        low, high, level, len(differences), len(names), coverage=float(np.mean(shares))
    )


def limits(differences: Floats, groups: NDArray[Any], level: float = LEVEL) -> tuple[float, float]:
    """Return the limits that the differences of a new group are within, for `level` of its photos.

    They lie around the weighted median, in proportion to the spread on either side. Where even the
    largest differences that were seen do not suffice for `level`, they are the limits.

    Args:
        differences: (N,) logits.
        groups: (N,) the group of each.
        level: share of photos of new groups to hold for.
    """
    _, of_group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    weights = 1 / sizes[of_group] / len(sizes)
    below, middle, above = (
        _quantile(differences, weights, share) for share in ((1 - level) / 2, 0.5, (1 + level) / 2)
    )
    below, above = (max(NARROWEST, spread) for spread in (middle - below, above - middle))
    away = np.maximum((middle - differences) / below, (differences - middle) / above)
    # One new group is among those that the share is of, and nothing is known of it.
    corrected = level * (len(sizes) + 1) / len(sizes)
    factor = max(_quantile(away, weights, corrected), NARROWEST)
    return middle - factor * below, middle + factor * above


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    """Return the smallest value that `share` of all weight is at or below; the largest if none."""
    order = np.argsort(values)
    at = int(np.searchsorted(np.cumsum(weights[order]), share - 1e-9))
    return float(values[order][min(at, len(values) - 1)])


def _logit(dice: Floats) -> Floats:
    kept = np.clip(dice, NEAREST, 1 - NEAREST)
    return np.asarray(np.log(kept / (1 - kept)))


def _dice(logit: float) -> float:
    return float(1 / (1 + math.exp(-logit)))

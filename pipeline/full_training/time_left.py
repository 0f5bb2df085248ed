"""How long a training still takes, by what its parts were estimated to take and have taken."""

from collections.abc import Iterable, Mapping

from pipeline.full_training.legs import Leg
from pipeline.training.time_budget import Seconds

TELLING = 30.0
"""Seconds of estimated work that must be done before it says how wrong estimates are."""


def estimates_of_parts(legs: Iterable[tuple[Leg, Seconds]]) -> dict[str, float]:
    """Return the seconds that each part is estimated to take, by its name in the journal."""
    parts: dict[str, float] = {}
    scoring = 0.0
    for leg, seconds in legs:
        parts[leg.part("coarse")] = seconds.decoding + seconds.coarse
        parts[leg.part("patches")] = seconds.patches
        parts[leg.part("refiner")] = seconds.refiner
        scoring += seconds.evaluation
    return parts | {"scores": scoring}


def seconds_left(estimated: Mapping[str, float], taken: Mapping[str, float]) -> float:
    """Return the seconds that the parts take that are not done yet.

    If the finished ones took longer than estimated, so will those that are left.

    Args:
        estimated: seconds of each part.
        taken: seconds of each finished part; others than those estimated do not count.
    """
    left = sum(seconds for part, seconds in estimated.items() if part not in taken)
    expected = sum(estimated.get(part, 0.0) for part in taken)
    if expected < TELLING:
        return left
    return left * sum(seconds for part, seconds in taken.items() if part in estimated) / expected

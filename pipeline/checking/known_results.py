"""What Dice trainings with few photos have reached, as docs/results/own-photos.md has it.

A row is added here when a table there gets one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

NEAR = 2.5
"""A figure says something for a data set of up to so many times as many photos, or as few."""


@dataclass(frozen=True)
class KnownResult:
    """What was reached with photos of one kind, scored on other photos of that kind."""

    kind: str
    num_photos: int
    minutes: float
    """Of one core."""
    dice: float
    boundary_error_px: float
    source: str


CURVES = "docs/results/own-photos.md#learning-curves"

KNOWN_RESULTS = (
    KnownResult("single leaves on paper, 2048 x 1024", 20, 10, 0.9960, 1.41, CURVES),
    KnownResult("people in streets, 550 x 825, roughly labelled", 20, 10, 0.9424, 6.4, CURVES),
    KnownResult("people in streets, 550 x 825, roughly labelled", 80, 30, 0.9612, 4.5, CURVES),
)


def nearest_results(
    num_photos: int, known: Sequence[KnownResult] = KNOWN_RESULTS
) -> list[KnownResult]:
    """Return of each kind the result with the nearest number of photos, if that is near enough."""
    best: dict[str, KnownResult] = {}
    for result in known:
        other = best.get(result.kind)
        if other is None or _distance(result, num_photos) < _distance(other, num_photos):
            best[result.kind] = result
    near = math.log(NEAR)
    return [result for result in best.values() if _distance(result, num_photos) <= near]


def _distance(result: KnownResult, num_photos: int) -> float:
    return abs(math.log(result.num_photos / max(num_photos, 1)))

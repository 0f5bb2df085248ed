"""Numbers and names in sentences."""

from collections.abc import Sequence
from pathlib import Path

MOST_NAMED = 5
"""Most files that a message names."""


def named(paths: Sequence[Path]) -> str:
    """Return the names of files, of many only the first."""
    shown = ", ".join(path.name for path in paths[:MOST_NAMED])
    more = len(paths) - MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def percent(share: float) -> str:
    """Return a share from 0 to 1 in per cent, small ones with enough digits to differ from 0."""
    if 0 < share < 0.0095:
        return f"{100 * share:.1g} %"
    return f"{100 * share:.0f} %"


def part_of(num: int, total: int, name: str = "photo") -> str:
    """Return how many of all there are, such as "3 of 20 photos" and "all 20 photos"."""
    plural = name if total == 1 else f"{name}s"
    if num == total:
        return f"all {total} {plural}" if total > 1 else f"the only {name}"
    return f"{num} of {total} {plural}"


def between(values: Sequence[float], unit: str = "") -> str:
    """Return the smallest, middle and largest of some whole numbers, or the one that all are."""
    ordered = sorted(values)
    low, high = round(ordered[0]), round(ordered[-1])
    if low == high:
        return f"{low}{unit}"
    return f"{low} to {high}{unit}, {round(ordered[len(ordered) // 2])}{unit} in the middle"

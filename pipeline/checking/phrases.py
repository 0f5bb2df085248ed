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
    if total == 1:
        return f"the only {name}"
    return f"{'all' if num == total else f'{num} of'} {total} {name}s"


def how_many_have(num: int, total: int, name: str = "photo") -> str:
    """Return the beginning of a sentence, such as "3 of 20 photos have"."""
    return f"{part_of(num, total, name).capitalize()} {'has' if num == 1 else 'have'}"


def how_many_are(num: int, total: int, name: str = "photo") -> str:
    """Return the beginning of a sentence, such as "3 of 20 photos are"."""
    return f"{part_of(num, total, name).capitalize()} {'is' if num == 1 else 'are'}"


def some(photos: Sequence[Path], total: int) -> tuple[Path, ...]:
    """Return `photos`, or none of them if they are all that there are: then none stands out."""
    return () if len(photos) == total else tuple(photos)


def between(values: Sequence[float]) -> str:
    """Return the smallest and the largest of some numbers, rounded; one if they are the same."""
    low, high = round(min(values)), round(max(values))
    return f"{low}" if low == high else f"{low} to {high}"

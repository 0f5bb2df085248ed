"""What every campaign is: cases, each with a name that repeats it, and a check of one case."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.torture.workshop import Workshop


@dataclass(frozen=True)
class Problem:
    """Something that broke."""

    case: str
    """Name of the case in its campaign."""
    what: str
    kept: Path | None = None
    """The file or folder to look at."""


@dataclass(frozen=True)
class Checked:
    """What became of a case, or of the cases of a batch."""

    problems: list[Problem] = field(default_factory=list)
    num_tried: int = 1
    note: str = ""
    """How it was done, where there is a choice."""


Cases = Callable[[Workshop, random.Random], Iterator[str]]
"""Gives the names of cases, the most telling first; may never end."""

Check = Callable[[Workshop, str], Checked]


@dataclass(frozen=True)
class Campaign:
    """One way to disturb the commands."""

    name: str
    weight: float
    """Its share of the time."""
    cases: Cases
    check: Check


def of_one_case(case: str, folder: Path, what: str, note: str = "") -> Checked:
    """Return what became of a case in a folder, which is removed if nothing broke."""
    if what:
        return Checked([Problem(case, what, folder)], note=note)
    shutil.rmtree(folder, ignore_errors=True)
    return Checked(note=note)

"""A part of the photos, for jobs and computers that share the work."""

import re
from dataclasses import dataclass
from pathlib import Path

from data.errors import SettingsError
from data.groups import fold_of

MOST_PARTS = 100_000


@dataclass(frozen=True)
class Part:
    """The part `number`, from 1, of `count`.

    A hash of its name decides which part a photo is in. So every photo is in one part, wherever
    and whenever parts are worked on, and whatever is added to the folder meanwhile.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count <= MOST_PARTS:
            raise ValueError(f"no part {self.number} of {self.count}")

    @classmethod
    def parse(cls, text: str) -> "Part":
        """Return the part that `text` names, such as 3/16.

        Raises:
            SettingsError: it names none.
        """
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text.strip())
        try:
            if found is None:
                raise ValueError(text)
            return cls(*map(int, found.groups()))
        except ValueError as error:
            raise SettingsError(
                f"--part takes K/N, such as 3/16, with K from 1 to N and N up to {MOST_PARTS:,}, "
                f"not {text!r}"
            ) from error

    def __str__(self) -> str:
        return f"part {self.number}/{self.count}"

    @property
    def label(self) -> str:
        """Its name in names of files."""
        return f"part-{self.number}-of-{self.count}"

    def place(self, out: Path) -> Path:
        """Return the folder for this part's temporary files, in that of the results.

        So what a killed process left behind can be told from what others are writing, even on a
        network drive without locks.
        """
        return out / f".foveamask.{self.label}.partials"

    def has(self, name: str) -> bool:
        """Whether the photo `name`, or all photos of the group `name`, are in this part."""
        return fold_of(name, self.count) == self.number - 1

    def table(self, path: Path) -> Path:
        """Return where this part writes its rows of the table `path`: to a file beside it."""
        suffix = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
        stem = path.name.removesuffix(suffix)
        return path.with_name(f"{stem}.{self.label}{suffix}")

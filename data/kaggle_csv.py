"""The csv of the challenge: a row per photo, with its name and the run lengths of its mask.

    img,rle_mask
    00087a6bd4dc_01.jpg,879386 40 881253 141 ...

Rows are gathered in a journal beside the file, which survives an interruption, and take their
order when the file is finished. A name that ends in `.gz` makes it a gzip file.
"""

import csv
import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from data import rle
from data.errors import InputError
from data.files import prepare, replacing
from data.geometry import Size
from data.masks import read_mask

HEADER = ("img", "rle_mask")

CHALLENGE = Size(1280, 1918)
"""Size of the challenge's photos."""

MAX_FIELD = sys.maxsize
"""Run lengths may be longer than other fields, for which `csv` has a limit of 128 KiB."""

FIELD = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",]*))(,|\Z)')
"""A field of a row, in quotes or without any, and the comma after it."""


class RowJournal:
    """Rows of a csv file to be, in the order in which they come."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        """Open the journal of the file `path`, or go on with it.

        Args:
            path: the csv file to be.
            fingerprint: hexadecimal digits of all that rows depend on. A journal of another
                fingerprint is thrown away.

        Raises:
            InputError: `path` is a folder.
        """
        prepare(path)
        self.path = path
        self.journal = path.with_name(f".{path.name}.{fingerprint[:16]}.rows")
        ours = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]+\.rows")
        for other in path.parent.iterdir():
            if other != self.journal and ours.fullmatch(other.name):
                other.unlink()
        self.file = self.journal.open("a+b")
        self.offsets = self._recovered()

    def __contains__(self, name: str) -> bool:
        return name in self.offsets

    def append(self, name: str, run_lengths: str) -> None:
        """Add the row of the photo `name`, or one in the place of an earlier one.

        Raises:
            InputError: the name has a line break.
        """
        check_names([name])
        line = io.StringIO(newline="")
        csv.writer(line, lineterminator="\n").writerow((name, run_lengths))
        self.offsets[name] = self.file.seek(0, io.SEEK_END)
        # Names of files need not be text; what is not goes through unchanged.
        self.file.write(line.getvalue().encode("utf-8", "surrogateescape"))
        self.file.flush()  # a process that is killed loses no row

    def finish(self, names: Iterable[str]) -> None:
        """Write the csv file with those of `names` that have a row, in their order."""
        with replacing(self.path) as partial, _writing(partial, self.path.name) as file:
            file.write((",".join(HEADER) + "\n").encode())
            for name in names:
                if name in self.offsets:
                    self.file.seek(self.offsets[name])
                    file.write(self.file.readline())
        self.close()
        self.journal.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the journal; its rows stay."""
        self.file.close()

    def _recovered(self) -> dict[str, int]:
        """Return where the whole rows begin; a last one that was cut off is cut away."""
        csv.field_size_limit(MAX_FIELD)
        offsets, end = {}, 0
        self.file.seek(0)
        for line in self.file:
            if not line.endswith(b"\n"):
                break
            (row,) = csv.reader([line.decode("utf-8", "surrogateescape")])
            offsets[row[0]] = end
            end += len(line)
        self.file.truncate(end)
        return offsets


def check_names(names: Iterable[str]) -> None:
    """Raise if no row can be of one of the photos `names`.

    Raises:
        InputError: a name has a line break.
    """
    for name in names:
        if len(name.splitlines()) > 1:
            raise InputError(f"{name!r} has a line break, which no name in a csv may have")


@contextmanager
def _writing(path: Path, name: str) -> Iterator[io.BufferedIOBase]:
    """Open `path`, whose name will be `name`, to write to it, compressed if that says so."""
    with path.open("wb") as raw:
        if not name.endswith(".gz"):
            yield raw
            return
        # Without name and time, so that the same rows make the same file.
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
            yield packed


@dataclass(frozen=True)
class Summary:
    """What a csv file has in it."""

    rows: int
    empty: int
    """Number of masks without a pixel of the object."""
    foreground: float
    """Mean share of the pixels of a photo that are object."""


def check(path: Path, *, size: Size = CHALLENGE, masks: Path | None = None) -> Summary:
    """Read a csv file row by row, check it, and return what is in it.

    Args:
        path: the file.
        size: of every photo, where there are no `masks`.
        masks: folder with <stem>.png for each row; rows must agree with these in every pixel.

    Raises:
        InputError: the first row at fault, by its line, or masks without a row.
    """
    shares: list[float] = []
    unseen = {mask.stem for mask in masks.glob("*.png")} if masks is not None else set()
    previous = ""
    for number, line in _lines(path):
        row: list[str] = []
        try:
            row = _fields(line)
            name, stem = _checked_name(row, previous)
            shares.append(_share(row[1], size if masks is None else masks / f"{stem}.png"))
        except InputError as error:
            raise InputError(f"{path} line {number}{_named(row)}: {error}") from None
        unseen.discard(stem)
        previous = name
    if unseen:
        more = f" and {len(unseen) - 1} more" if len(unseen) > 1 else ""
        raise InputError(f"{path} has no row of {min(unseen)}{more}, of which there is a mask")
    if not shares:
        raise InputError(f"{path} has no rows")
    return Summary(len(shares), shares.count(0.0), float(np.mean(shares)))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Give the lines after the header, and the number of each.

    Raises:
        InputError: the file is damaged, or has another header.
    """
    wanted = ",".join(HEADER)
    try:
        with _reading(path) as file:
            header = file.readline().rstrip("\n")
            if header.replace('"', "") != wanted:
                raise InputError(f"{path} line 1: {wanted} is expected, not {header[:80]!r}")
            for number, line in enumerate(file, 2):
                yield number, line.rstrip("\n")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged: {error}") from error


def _fields(line: str) -> list[str]:
    """Return the fields of a row; one in quotes may have commas, and quotes that are doubled.

    `csv` reads no field of more than 128 KiB, unless its limit is raised for the whole process;
    the run lengths of a large mask are longer.

    Raises:
        InputError: quotes do not pair.
    """
    if '"' not in line:
        return line.split(",") if line else []
    fields, end, more = [], 0, True
    while more:
        match = FIELD.match(line, end)
        if match is None:
            raise InputError("the quotes of a field do not pair")
        quoted, plain, comma = match.groups()
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
        end, more = match.end(), bool(comma)
    return fields


def _reading(path: Path) -> TextIO:
    encoding, errors = "utf-8", "surrogateescape"
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding=encoding, errors=errors)
    return path.open(encoding=encoding, errors=errors)


def _checked_name(row: list[str], previous: str) -> tuple[str, str]:
    """Return name and stem of the photo of a row, which must come after the photo `previous`."""
    if len(row) != len(HEADER):
        raise InputError(f"a row has {len(HEADER)} fields, but here are {len(row)}")
    name, (stem, dot, ending) = row[0], row[0].rpartition(".")
    if not stem or dot + ending != ".jpg":
        raise InputError("the name of a photo ends in .jpg")
    if name == previous:
        raise InputError("the photo has a row already")
    if name < previous:
        raise InputError(f"rows are in the order of their names, but {previous} comes before this")
    return name, stem


def _share(run_lengths: str, like: Size | Path) -> float:
    """Return the share of a photo that is object; `like` is its size, or the mask to compare."""
    if isinstance(like, Size):
        starts, ends = rle.runs(run_lengths, like)
        return float((ends - starts).sum()) / like.area
    if not like.exists():
        raise InputError(f"there is no mask {like}")
    mask = read_mask(like)
    wrong = int((rle.decode(run_lengths, Size(*mask.shape)) != mask).sum())
    if wrong:
        raise InputError(f"{wrong} pixels differ from {like}")
    return float(mask.mean())


def _named(row: list[str]) -> str:
    return f" ({row[0]})" if row and row[0] else ""

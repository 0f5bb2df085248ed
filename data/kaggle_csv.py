"""The csv of the challenge: a row per photo, with its name and the run lengths of its mask.

    img,rle_mask
    00087a6bd4dc_01.jpg,879386 40 881253 141 ...

The name of a photo in a sub-folder has the path to it: `red/front.jpg`. The table is written from
the masks on disk. If its name ends in `.gz`, it is compressed by gzip.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from data import rle
from data.errors import InputError
from data.geometry import Size
from data.images import MAX_PIXELS
from data.masks import read_mask
from data.printable import quoted
from data.tables import open_table, replacing_table
from data.threads import map_threads, raise_first

HEADER = ("img", "rle_mask")

CHALLENGE = Size(1280, 1918)
"""Size of the challenge's photos."""

OnRow = Callable[[int, int], None]

LONGEST_ROW = 2**26
"""Most characters of a row. The masks of the largest photos stay far below, unless they are noise;
rows are compressed in some files, and could otherwise fill all memory."""

FIELD = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",]*))(,|\Z)')
"""A field of a row, in quotes or without any, and the comma after it."""


def write(path: Path, masks: Mapping[str, Path], on_row: OnRow | None = None) -> None:
    """Write the csv of `masks` to `path`, with rows in the order of their names.

    Masks are read concurrently; only their names are kept in memory.

    Args:
        path: the csv file.
        masks: paths of masks by the names of their photos, without the ending.
        on_row: called after each row with the number of rows written and the number of all.

    Raises:
        InputError: a mask cannot be read, or the file at `path` is no such csv.
    """
    ordered = sorted((row_name(name), mask) for name, mask in masks.items())
    with (
        replacing_table(path, HEADER) as file,
        closing(raise_first(map_threads(_row, ordered))) as rows,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(HEADER)
        for i, row in enumerate(rows):
            table.writerow(row)
            if on_row is not None:
                on_row(i + 1, len(ordered))


def row_name(name: str) -> str:
    """Return the name in the csv for a photo, whatever its own ending is."""
    return f"{name}.jpg"


def _row(named: tuple[str, Path]) -> tuple[str, str]:
    name, mask = named
    return name, rle.encode(read_mask(mask))


def check_names(names: Iterable[str]) -> None:
    """Raise if one of the `names` of photos cannot be in a csv.

    Raises:
        InputError: a name has a line break.
    """
    for name in map(row_name, names):
        if len(name.splitlines()) > 1:
            raise InputError(f"'{quoted(name)}' has a line break, which no name in a csv may have")


def _names_in(masks: Path) -> set[str]:
    """Return the names of the photos whose masks are in a folder or below it."""
    paths = (mask.relative_to(masks).as_posix() for mask in masks.rglob("*.png"))
    return {path.removesuffix(".png") for path in paths}


@dataclass(frozen=True)
class Summary:
    """Summary of a csv file."""

    rows: int
    empty: int
    """Number of masks without a pixel of the object."""
    foreground: float
    """Mean share of object pixels in a photo."""


def check(path: Path, *, size: Size = CHALLENGE, masks: Path | None = None) -> Summary:
    """Read a csv file row by row, check it, and return its summary.

    Args:
        path: the file.
        size: of every photo, where there are no `masks`.
        masks: folder with <name>.png for each row; rows must agree with these in every pixel.

    Raises:
        InputError: a row is wrong (the message names the first such line), or a mask has no row,
            or `size` is larger than any photo that is read.
    """
    if size.area > MAX_PIXELS:
        raise InputError(
            f"a photo of {size.height} x {size.width} has more than {MAX_PIXELS} pixels"
        )
    shares: list[float] = []
    unseen = set() if masks is None else _names_in(masks)
    previous = ""
    for number, line in lines(path):
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


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Give the lines after the header, and the number of each.

    Raises:
        InputError: the file is damaged, or has another header.
    """
    wanted = ",".join(HEADER)
    try:
        with open_table(path) as file:
            header = file.readline(2 * len(wanted)).rstrip("\n")
            if header.replace('"', "") != wanted:
                raise InputError(f"{path} line 1: {wanted} is expected, not '{quoted(header)}'")
            for number, line in enumerate(iter(partial(file.readline, LONGEST_ROW + 1), ""), 2):
                if len(line) > LONGEST_ROW:
                    raise InputError(f"{path} line {number} has more than {LONGEST_ROW} characters")
                yield number, line.rstrip("\n")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged: {error}") from error


def parse_row(line: str) -> tuple[str, str]:
    """Return the name and the run lengths of a row.

    Raises:
        InputError: it has another number of fields.
    """
    fields = _fields(line)
    if len(fields) != len(HEADER):
        raise InputError(f"a row has {len(HEADER)} fields, but here are {len(fields)}")
    return fields[0], fields[1]


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


def _checked_name(row: list[str], previous: str) -> tuple[str, str]:
    """Return name and stem of the photo of a row, which must come after the photo `previous`."""
    if len(row) != len(HEADER):
        raise InputError(f"a row has {len(HEADER)} fields, but here are {len(row)}")
    name, (stem, dot, ending) = row[0], row[0].rpartition(".")
    if not stem or dot + ending != ".jpg":
        raise InputError("the name of a photo ends in .jpg")
    if stem.startswith("/") or ".." in stem.split("/"):
        raise InputError("the name of a photo leads out of the folder of masks")
    if name == previous:
        raise InputError("the photo has a row already")
    if name < previous:
        raise InputError(
            f"rows are in the order of their names, but {quoted(previous)} comes before this"
        )
    return name, stem


def _share(run_lengths: str, like: Size | Path) -> float:
    """Return the share of a photo that is object; `like` is its size, or the mask to compare."""
    if isinstance(like, Size):
        starts, ends = rle.runs(run_lengths, like)
        return float((ends - starts).sum()) / like.area
    if not like.exists():
        raise InputError(f"there is no mask {like.parent / quoted(like.name)}")
    mask = read_mask(like)
    wrong = int((rle.decode(run_lengths, Size(*mask.shape)) != mask).sum())
    if wrong:
        raise InputError(f"{wrong} pixels differ from {like}")
    return float(mask.mean())


def _named(row: list[str]) -> str:
    return f" ({quoted(row[0])})" if row and row[0] else ""

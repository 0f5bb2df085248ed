"""The records of a folder of results: a line of JSON for each finished photo.

.foveamask.jsonl               those of calls for all photos
.foveamask.part-3-of-16.jsonl  those of a part, until a call for all photos takes them over

Hashes of files decide whether a photo is finished, never dates. Records are only appended. A line
that is incomplete or damaged is not a record, so its photo is predicted again.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import IO

from data import mirrors
from data.errors import InputError
from data.files import errors_name, is_special, reading
from pipeline.inference.part import Part

RECORDS = ".foveamask.jsonl"

OF_PARTS = re.compile(r"\.foveamask\.part-([0-9]+)-of-([0-9]+)\.jsonl")
"""Names of the records of parts."""

LONGEST_RECORD = 2**16
"""Most bytes of a line of records that is looked at; one has some hundred."""


@dataclass(frozen=True, slots=True)
class Record:
    """The record of one finished photo.

    Raises:
        ValueError: a value has the wrong type.
    """

    photo: str
    """SHA-256 of its file."""
    outputs: Mapping[str, str]
    """SHA-256 of the file of each output, by the output's name."""
    expected_dice: float | None = None
    """None if it was not requested."""
    is_known: bool | None = None
    """Whether the photo is like those the model was trained on; None if the model cannot tell."""
    tiles: int | None = None
    """Number of tiles that were refined; None if that was not recorded."""
    mask: str | None = None
    """SHA-256 of the file of the mask that was refined, or of what was mended in the predicted one;
    None if neither was."""
    kept: float | None = None
    """What of its refinement was turned down, see `RefinedMask.kept`; None if none was given."""
    detached: int | None = None
    """Pixels of its mask that are not in the largest piece; None if that was not recorded."""

    def __post_init__(self) -> None:
        right = isinstance(self.photo, str) and isinstance(self.outputs, dict)
        right = right and all(isinstance(value, str) for value in self.outputs.values())
        right = right and isinstance(self.is_known, bool | None)
        numbers = (self.tiles, self.detached)
        right = right and all(value is None or type(value) is int for value in numbers)
        right = right and isinstance(self.mask, str | None)
        right = right and all(map(_is_number, (self.expected_dice, self.kept)))
        if not right:
            raise ValueError(f"no record of a photo: {self}")


class Records:
    """The records of a folder, and the open file to which new ones are appended."""

    def __init__(self, path: Path) -> None:
        """Read the records at `path`, if there are any; other lines are ignored."""
        self.found: dict[str, Record] = {}
        """Records by the name of the photo's results; of several, the last one."""
        self.forgotten: frozenset[str] = frozenset()
        """Names of records that were removed when the folder was started anew."""
        check_file(path)
        self.path = path
        mirrors.pin(path)
        self._file = path.open("a+b")
        self._file.seek(0)
        complete = 0
        for position, found in _parsed_lines(self._file):
            self.found.update(found)
            complete = position
        self._file.truncate(complete)  # or the next record would be appended to an incomplete line

    def add(self, name: str, record: Record) -> None:
        """Append the record of the photo whose results are called `name`."""
        line = json.dumps({"stem": name} | asdict(record))
        with errors_name(self.path):
            self._file.write(f"{line}\n".encode())
            self._file.flush()  # a process that is killed loses no record

    def close(self) -> None:
        """Close the file; what a full disk did not take is lost, which `add` has said."""
        with suppress(OSError):
            self._file.close()


def _is_number(value: float | None) -> bool:
    return value is None or (isinstance(value, float) and isfinite(value))


def check_file(path: Path) -> None:
    """Raise if something else than a file is in the place of records.

    Raises:
        InputError: it is a pipe, from which nothing may ever come, or the like.
    """
    if is_special(path):
        raise InputError(f"{path} is a pipe, a socket or a device, and no file; remove it")


def records_name(part: Part | None) -> str:
    """Return the name of the file of records of a part, or of calls for all photos."""
    return RECORDS if part is None else f".foveamask.{part.label}.jsonl"


def records_of_parts(out: Path) -> list[Path]:
    """Return the files of records of parts in the folder `out`, in the order of the parts."""
    found = {path: OF_PARTS.fullmatch(path.name) for path in out.glob(".foveamask.part-*.jsonl")}
    numbers = {
        path: (int(match[2]), int(match[1])) for path, match in found.items() if match is not None
    }
    return sorted(numbers, key=lambda path: numbers[path])


def read_records(path: Path) -> dict[str, Record]:
    """Return the records at `path` by name, while others may append to them.

    Raises:
        InputError: they cannot be read.
    """
    found: dict[str, Record] = {}
    with reading(path) as file:
        for _, records in _parsed_lines(file):
            found.update(records)
    return found


def _parsed_lines(file: IO[bytes]) -> Iterator[tuple[int, dict[str, Record]]]:
    """Give the position after each complete line, and the record in it by its name, if any."""
    size = 0
    for line in iter(lambda: file.readline(LONGEST_RECORD), b""):
        size += len(line)
        if line.endswith(b"\n"):
            yield size, _parsed(line)


def _parsed(line: bytes) -> dict[str, Record]:
    """Return the record in `line` by the name of its photo; an empty dict for other lines."""
    try:
        fields = json.loads(line)
        return {str(fields.pop("stem")): Record(**fields)}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}

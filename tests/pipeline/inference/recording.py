"""Records of photos, written and read."""

from pathlib import Path

from pipeline.inference.made_with import MadeWith
from pipeline.inference.manifest import resumed
from pipeline.inference.records import Record

MADE_WITH = MadeWith("a" * 64, "refined", None, [], ["mask"])


def record_of(letter: str, dice: float | None = None) -> Record:
    return Record(letter * 64, {"mask": letter * 64}, dice)


def write_records(out: Path, **records: Record) -> None:
    with resumed(out, MADE_WITH) as written:
        for stem, record in records.items():
            written.add(stem, record)


def read_records(out: Path, made_with: MadeWith = MADE_WITH) -> dict[str, Record]:
    with resumed(out, made_with) as records:
        return records.found

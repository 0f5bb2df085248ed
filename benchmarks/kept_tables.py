"""Tables that a command of the benchmarks has printed, as the documentation keeps them."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.markdown import table

FOLDER = Path(__file__).parent / "results" / "tables"

MODEL_LINE = re.compile(r"^model ([0-9a-f]{16}), (\d+) photos$", re.MULTILINE)
"""What `benchmarks.markdown.of_model` prints."""


@dataclass(frozen=True)
class PrintedTable:
    """A table in Markdown, cell by cell."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class KeptTables:
    """What one call of a command has printed."""

    command: str
    """Module of `benchmarks` and its arguments; folders are words in capitals."""
    date: str
    processor: str
    model: str
    """The hash that the command printed; empty if it printed none."""
    photos: int
    tables: tuple[PrintedTable, ...]

    @property
    def name(self) -> str:
        """Name of the file, without its ending: the command without what is no word."""
        return re.sub(r"[^\w.]+", "-", self.command).strip("-")

    def shown(self, number: int) -> str:
        """Return the table of a number, from 1 on, and below it where its figures come from."""
        chosen = self.tables[number - 1]
        model = f"Model `{self.model}`, {self.photos} photos. " if self.model else ""
        below = f"{model}`python -m benchmarks.{self.command}`, {self.date}, {self.processor}"
        return f"{table(chosen.headings, chosen.rows)}\n*{below}*\n"

    def to_json(self) -> str:
        """Return the text of the file."""
        return json.dumps(asdict(self), indent=1) + "\n"


def tables_in(text: str) -> Iterator[PrintedTable]:
    """Yield each table in Markdown that `text` has."""
    for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        headings, _, *rows = (
            tuple(cell.strip() for cell in line.strip()[1:-1].split("|"))
            for line in block.splitlines()
        )
        yield PrintedTable(headings, tuple(rows))


def read_kept(path: Path) -> KeptTables:
    """Return what is kept in a file."""
    known = json.loads(path.read_text())
    tables = tuple(
        PrintedTable(tuple(each["headings"]), tuple(map(tuple, each["rows"])))
        for each in known.pop("tables")
    )
    return KeptTables(**known, tables=tables)


def all_kept(folder: Path = FOLDER) -> list[KeptTables]:
    """Return everything that is kept, by name."""
    return [read_kept(path) for path in sorted(folder.glob("*.json"))]

"""A report as values: what its page says, shows and lists. `report_folder` makes files of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.reporting.line_chart import Chart

Direction = Literal["low", "high"]


@dataclass(frozen=True)
class Facts:
    """Names with what there is to say of each."""

    pairs: Sequence[tuple[str, str]]
    is_lead: bool = False
    """Whether they stand out from the page."""
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True)
class Table:
    """Rows of texts below a heading; columns after the first `num_text` hold numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    num_text: int = 1
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Figure:
    """A chart with what is below it."""

    title: str
    chart: Chart
    kind: Literal["figure"] = "figure"


Part = Facts | Table | Figure


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading."""

    title: str
    parts: Sequence[Part]
    note: str = ""
    level: Literal[2, 3] = 2

    @property
    def figures(self) -> list[Figure]:
        """Its charts, which stand side by side."""
        return [part for part in self.parts if isinstance(part, Figure) and part.chart.is_drawn]

    @property
    def others(self) -> list[Part]:
        """What is not a chart."""
        return [part for part in self.parts if not isinstance(part, Figure)]


@dataclass(frozen=True)
class Column:
    """A number of each photo, by which photos can be sorted."""

    title: str
    digits: int
    first: Direction
    """Which values come first: those that need a look."""


@dataclass(frozen=True)
class PhotoRow:
    """A photo in the gallery."""

    name: str
    values: Sequence[float | None]
    """One for each column; None where there is none, which comes first."""
    marks: Sequence[str] = ()
    """What is special about it, by which photos can be filtered."""
    pictures: Mapping[str, str] | None = None
    """Names of the files of its pictures, by what they show."""
    note: str = ""


@dataclass(frozen=True)
class Gallery:
    """All photos. The first column is the one that they are sorted by at first."""

    title: str
    note: str
    columns: Sequence[Column]
    rows: Sequence[PhotoRow]
    captions: Mapping[str, str]
    """What is written below each picture, by what it shows, in this order."""


@dataclass(frozen=True)
class Report:
    """A whole report."""

    title: str
    lead: str
    sections: Sequence[Section]
    gallery: Gallery
    after: Sequence[Section] = ()
    """What stands below the gallery."""

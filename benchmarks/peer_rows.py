"""The results of each peer: its row on disk, and in the table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.markdown import number, table
from data.errors import InputError
from data.files import replacing
from data.geometry import Size


@dataclass(frozen=True)
class Row:
    """The results of a peer; None where it has none, such as the Dice of a network not trained."""

    peer: str
    network: str
    input: str
    """Width x height of what the network sees."""
    parameters: int
    gmac: float
    device: str
    made_with: dict[str, Any]
    """All that the row depends on beside the peer."""
    minutes: float | None = None
    """Minutes that training took."""
    steps: int | None = None
    batch_size: int | None = None
    photos: int | None = None
    """Number of photos that were scored."""
    dice: float | None = None
    boundary_error_px: float | None = None
    boundary_iou_2px: float | None = None


def read_rows(out: Path, names: Sequence[str], made_with: dict[str, Any]) -> dict[str, Row]:
    """Return the rows in `out` by peer.

    Raises:
        InputError: one of `names` has a row that was made with something else.
    """
    path = out / "peers.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    rows = {row.peer: row for row in (Row(**json.loads(line)) for line in lines)}
    for name in [name for name in names if name in rows]:
        before = rows[name].made_with
        differing = [key for key in made_with if before.get(key) != made_with[key]]
        if differing:
            raise InputError(
                f"{path} has a {name} of other {', '.join(differing)}; name another folder"
            )
    return rows


def write_rows(out: Path, rows: Sequence[Row]) -> None:
    """Write `rows` to `out`."""
    with replacing(out / "peers.jsonl") as partial:
        partial.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows))


def table_of_peers(rows: Sequence[Row], photos_a_second: dict[str, float]) -> str:
    """Return a table in Markdown, one row for each peer."""
    headings = [
        "network",
        "input",
        "parameters",
        "GMac a photo",
        "training, min",
        "steps",
        "Dice",
        "boundary error, px",
        "photos a second",
        "device",
    ]
    cells = [
        [
            row.network,
            row.input,
            f"{row.parameters / 1e6:.2f} M",
            f"{row.gmac:.1f}",
            number(row.minutes, ".1f"),
            f"{row.steps} of {row.batch_size}" if row.steps else "-",
            number(row.dice, ".4f"),
            number(row.boundary_error_px, ".2f"),
            number(photos_a_second.get(row.peer), ".1f"),
            row.device,
        ]
        for row in rows
    ]
    return table(headings, cells)


def as_text(size: Size) -> str:
    """Return `size` as width x height."""
    return f"{size.width} x {size.height}"

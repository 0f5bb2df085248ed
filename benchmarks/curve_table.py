"""The table of learning curves."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from benchmarks.markdown import number, table


@dataclass(frozen=True)
class Result:
    """One training, and its scores on photos of other groups."""

    kind: str
    size: int
    """Photos that it was given."""
    draw: int
    method: str
    minutes: float
    """Of one thread that it was given."""
    tested: int
    """Photos that were scored."""
    seconds: float
    """Of the processor that it took."""
    dice: float
    worst_dice: float
    boundary_error_px: float | None
    """None if no mask has a contour."""


def read_results(folder: Path) -> list[Result]:
    """Return all results in `folder`."""
    return [Result(**json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))]


def curve_table(results: Sequence[Result]) -> str:
    """Return the means over draws, with their deviation, and what a photo more is worth."""
    cells: dict[tuple[str, str, float], dict[int, list[Result]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for result in results:
        cells[result.kind, result.method, result.minutes][result.size].append(result)
    rows = []
    for (kind, method, minutes), by_size in sorted(cells.items()):
        before: tuple[int, float] | None = None
        for size, own in sorted(by_size.items()):
            dice = fmean(r.dice for r in own)
            more = "" if before is None else f"{(dice - before[1]) / (size - before[0]):+.5f}"
            before = size, dice
            errors = [r.boundary_error_px for r in own if r.boundary_error_px is not None]
            deviation = f" ± {stdev(r.dice for r in own):.4f}" if len(own) > 1 else ""
            rows.append(
                (
                    *(kind, str(size), method, f"{minutes:g}", str(len(own))),
                    f"{dice:.4f}{deviation}",
                    number(fmean(errors) if errors else None, ".2f"),
                    f"{min(r.worst_dice for r in own):.4f}",
                    more,
                )
            )
    headings = ("photos of", "number", "trained by", "minutes", "draws", "Dice")
    return table((*headings, "contour off by, px", "worst photo", "Dice a photo more"), rows)

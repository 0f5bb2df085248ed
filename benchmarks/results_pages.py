"""Puts the tables of results that are kept as JSON into the documentation.

    python -m benchmarks.results_pages

A table stands between the lines `<!-- table: NAME -->` and `<!-- end of table -->`. Its figures are
those of the files in benchmarks/results/, which the commands of the benchmarks wrote.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from cyclopts import App

from benchmarks import learning_curves, shipped_model
from benchmarks.curve_table import curve_table, read_results
from benchmarks.shipped_model import headline_table
from data.files import write_bytes
from pipeline.cli.program import run

app = App(name="python -m benchmarks.results_pages", help=__doc__, help_format="plaintext")

ROOT = Path(__file__).parent.parent

BLOCK = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def shipped() -> str:
    """Return the scores of the model of the package."""
    return headline_table(json.loads(shipped_model.RESULT.read_text()))


def curves() -> str:
    """Return the table of the learning curves."""
    return curve_table(read_results(learning_curves.RESULTS))


TABLES: dict[str, Callable[[], str]] = {"shipped-model": shipped, "learning-curves": curves}


def pages() -> list[Path]:
    """Return all pages of the documentation."""
    return sorted((ROOT / "docs").rglob("*.md"))


def with_tables(text: str) -> str:
    """Return the text of a page with the tables that its blocks name."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


@app.default
def results_pages() -> None:
    """Write the tables into all pages that have one."""
    for page in pages():
        text = page.read_text()
        if (filled := with_tables(text)) != text:
            write_bytes(page, filled.encode())
            print(page.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(run(app, sys.argv[1:]))

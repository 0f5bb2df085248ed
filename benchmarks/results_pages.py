"""Puts the tables of results that are kept as JSON into the documentation.

    python -m benchmarks.results_pages

A table stands between the lines `<!-- table: NAME -->` and `<!-- end of table -->`. Its figures are
those of the files in benchmarks/results/, which the commands of the benchmarks wrote. NAME is one
of `TABLES`, or that of a file in benchmarks/results/tables/, with a number if the file has several.
"""

import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cyclopts import App

from benchmarks import kept_tables, learning_curves, shipped_model
from benchmarks.cross_validation import table_of_folds
from benchmarks.curve_table import curve_table, read_results
from benchmarks.kept_tables import read_kept
from benchmarks.recipe_plan import FAST, FINAL, NUM_FOLDS, fold_stage
from benchmarks.shipped_model import headline_table
from data.files import write_bytes
from pipeline.cli.program import run

app = App(name="python -m benchmarks.results_pages", help=__doc__, help_format="plaintext")

ROOT = Path(__file__).parent.parent

FOLDS = ROOT / "benchmarks" / "results" / "recipe"
"""Scores of the recipe's folds, each in a folder of its name."""

BLOCK = re.compile(r"(<!-- table: ([\w.-]+)(?: (\d))? -->\n).*?(<!-- end of table -->)", re.DOTALL)


def shipped() -> str:
    """Return the scores of the model of the package."""
    return headline_table(json.loads(shipped_model.RESULT.read_text()))


def curves() -> str:
    """Return the table of the learning curves."""
    return curve_table(read_results(learning_curves.RESULTS))


def folds(model: str) -> str:
    """Return the scores of the folds of a model of the recipe, and below them their hashes."""
    files = {fold: FOLDS / fold_stage(fold, model) / "scores.json" for fold in range(NUM_FOLDS)}
    known = {fold: json.loads(file.read_text()) for fold, file in files.items() if file.exists()}
    models = ", ".join(f"`{scores['model'][:16]}`" for scores in known.values())
    return f"{table_of_folds(known)}\n*Models of their own, one a fold: {models}.*\n"


TABLES: dict[str, Callable[[], str]] = {
    "shipped-model": shipped,
    "learning-curves": curves,
    "recipe": partial(folds, FINAL),
    "recipe-fast": partial(folds, FAST),
}


def pages() -> list[Path]:
    """Return all pages of the documentation."""
    return sorted((ROOT / "docs").rglob("*.md"))


def with_tables(text: str) -> str:
    """Return the text of a page with the tables that its blocks name."""
    return BLOCK.sub(
        lambda found: f"{found[1]}\n{table_of(found[2], int(found[3] or 1))}\n{found[4]}", text
    )


def table_of(name: str, number: int = 1) -> str:
    """Return a table in Markdown, and below it what it is of."""
    if name in TABLES:
        return TABLES[name]()
    return read_kept(kept_tables.FOLDER / f"{name}.json").shown(number)


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

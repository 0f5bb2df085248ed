"""Scores of the model of the package, kept for the documentation.

    python -m benchmarks.shipped_model CARVANA
    python -m benchmarks.results_pages

The first command scores the photos that the model was not trained on, as `foveamask evaluate` does,
and writes benchmarks/results/shipped_model.json with the hash of the model. The second one puts the
table into the documentation.
"""

import json
import sys
from pathlib import Path
from typing import Any

from cyclopts import App

from benchmarks.markdown import table
from data.files import write_bytes
from pipeline import DEFAULT_MODEL
from pipeline.cli.program import run
from pipeline.evaluation.evaluate import evaluate
from pipeline.inference.cpu_setup import keep_freed_memory
from pipeline.inference.segmenter import Segmenter
from pipeline.model import identity

RESULT = Path(__file__).parent / "results" / "shipped_model.json"

STAGES = {
    "coarse_nearest": "coarse, nearest",
    "coarse": "coarse, bilinear",
    "refined": "**refined**",
}

app = App(name="python -m benchmarks.shipped_model", help=__doc__, help_format="plaintext")


@app.default
def shipped_model(data: Path, /, *, model: str = DEFAULT_MODEL, out: Path = RESULT) -> None:
    """Score a model and write the scores.

    Args:
        data: photos with masks, of which those that the model was trained on are left out.
        model: name or folder of a model.
        out: the file.
    """
    keep_freed_memory()
    segmenter = Segmenter.load(model)
    summary, _ = evaluate(data, segmenter)
    result = {"model": identity(segmenter.model)} | summary.to_json()
    write_bytes(out, f"{json.dumps(result, indent=2)}\n".encode())


def headline_table(result: dict[str, Any]) -> str:
    """Return the table of both stages, and below it of which model it is."""
    headings = ("", "Dice", "contour off by, px", "boundary IoU at 2 px", "tiles", "GMac a photo")
    rows = []
    for stage, name in STAGES.items():
        scores = result[stage]
        refined = stage == "refined"
        tiles = f"{result['tiles']:.0f} ({result['tiles_share']:.1%})" if refined else "0"
        gmac = result["gmac"]["refined" if refined else "coarse"]
        rows.append(
            (
                *(name, f"{scores['dice']:.4f}", f"{scores['boundary_error_px']:.2f}"),
                *(f"{scores['boundary_iou_2px']:.3f}", tiles, f"{gmac:.1f}"),
            )
        )
    below = f"\nModel `{result['model'][:16]}`, {result['photos']} photos.\n"
    return table(headings, rows) + below


if __name__ == "__main__":
    sys.exit(run(app, sys.argv[1:]))

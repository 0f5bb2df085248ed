"""Scores of the model of the package, kept for the documentation.

    python -m benchmarks.shipped_model CARVANA
    python -m benchmarks.results_pages

The first command scores the photos that the model was not trained on, as `foveamask evaluate` does,
and writes benchmarks/results/shipped_model.json with the hash of the model. The second one puts the
table into the documentation.
"""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from cyclopts import App

from benchmarks.keep import processor
from benchmarks.markdown import table
from data.files import write_bytes
from data.groups import CARVANA_GROUP, groups_of
from pipeline import DEFAULT_MODEL
from pipeline.cli.program import run
from pipeline.evaluation.evaluate import evaluate
from pipeline.inference.cpu_setup import keep_freed_memory
from pipeline.inference.segmenter import Segmenter
from pipeline.model import identity

RESULT = Path(__file__).parent / "results" / "shipped_model.json"

DRAWS = 10_000
"""How often cars are drawn for the spread of their mean."""

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
    summary, photos = evaluate(data, segmenter)
    dice = [photo.refined.dice for photo in photos if photo.refined is not None]
    groups = groups_of([Path(photo.name).stem for photo in photos], CARVANA_GROUP)
    result: dict[str, Any] = {"model": identity(segmenter.model)} | summary.to_json()
    result |= {"date": datetime.now(UTC).date().isoformat(), "processor": processor()}
    result |= {"groups": len(set(groups)), "refined_dice_95": spread_over_groups(dice, groups)}
    write_bytes(out, f"{json.dumps(result, indent=2)}\n".encode())


def spread_over_groups(dice: Sequence[float], groups: Sequence[str]) -> tuple[float, float]:
    """Return the ends that 95 of 100 means lie between if other groups were drawn.

    As many groups as there are, of these, are drawn with replacement (the percentile bootstrap of
    Efron 1979): the photos of a group are alike, so photos alone would promise too much.

    Args:
        dice: Dice of each photo.
        groups: its group.
    """
    names = sorted(set(groups))
    own = np.array([names.index(group) for group in groups])
    sums, counts = np.bincount(own, dice), np.bincount(own)
    drawn = np.random.default_rng(0).integers(0, len(names), (DRAWS, len(names)))
    low, high = np.percentile(sums[drawn].sum(1) / counts[drawn].sum(1), (2.5, 97.5))
    return float(low), float(high)


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
    low, high = result["refined_dice_95"]
    below = (
        f"\nModel `{result['model'][:16]}`, {result['photos']} photos. "
        f"Refined Dice of {result['groups']} groups drawn from these with replacement: "
        f"{low:.4f} to {high:.4f} in 95 of 100 draws. {result['date']}, {result['processor']}.\n"
    )
    return table(headings, rows) + below


if __name__ == "__main__":
    sys.exit(run(app, sys.argv[1:]))

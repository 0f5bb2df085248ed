"""What each method is worth: all variants are trained alike and scored on the validation cars.

    python -m benchmarks.ablation DATA OUT [--every 3] [--coarse-epochs 8] [--refiner-epochs 2]

Of each car every third angle is used. Finished variants stay in OUT, so that the same command
resumes after an interruption. At the end, the tables are written to OUT/ablation.md.
"""

import json
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Annotated, Any

import cv2
from cyclopts import App, Parameter

from benchmarks.markdown import table
from benchmarks.thinning import linked_subset
from benchmarks.timing import seconds_in_turn
from benchmarks.training_runs import made_with, read_scores, train
from benchmarks.variants import (
    FROM_NOTHING,
    POSTPROCESS,
    VARIANTS,
    Settings,
    Variant,
)
from data.arrays import Photo
from data.errors import SettingsError
from data.files import replacing
from data.images import read_photo
from data.samples import Sample, read_sample_mask
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.config import Config
from pipeline.evaluation import evaluate
from pipeline.evaluation.cost import networks_of, num_parameters
from pipeline.evaluation.metrics import overlap
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.model_folder import find_model, weights_hash
from pipeline.toml_settings import load_settings, overlaid
from refine.postprocess import Step, apply, parse

TIMED_PHOTOS = 4

QUICK: Settings = {
    "coarse": {"compile": False, "validate_every": 8},
    "refiner": {"compile": False, "validate_every": 8},
}
"""Settings for trainings of a few minutes, which are scored once, at the end."""

app = App(help=__doc__, help_format="plaintext")


@app.default
def ablation(
    data: Path,
    out: Path,
    /,
    *,
    every: Count = 3,
    coarse_epochs: int = 8,
    refiner_epochs: int = 2,
    base: Annotated[Path | None, Parameter(name="--config")] = None,
    only: tuple[str, ...] = (),
) -> None:
    """Train and score all variants, and write the tables to OUT/ablation.md.

    Args:
        data: photos with masks.
        out: folder to work in.
        every: use one in this many photos of each car.
        coarse_epochs: epochs of every coarse network.
        refiner_epochs: epochs of every refiner.
        base: settings that all variants share; by default those of the model `carvana`.
        only: names of variants; by default all of them.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    unknown = set(only).difference(variant.name for variant in VARIANTS)
    if unknown:
        raise SettingsError(f"--only: no variant {', '.join(sorted(unknown))}")
    shared = load_settings(base or find_model(DEFAULT_MODEL) / "settings.toml")
    if base is None:
        shared = overlaid(shared, FROM_NOTHING)
    epochs: Settings = {"coarse": {"epochs": coarse_epochs}, "refiner": {"epochs": refiner_epochs}}
    shared = overlaid(overlaid(shared, QUICK), epochs)
    subset = linked_subset(data, out / "data", every, shared.data.group)
    rows = [
        scored(variant, subset, out / variant.stage / variant.folder, shared)
        for variant in VARIANTS
        if not only or variant.name in only
    ]
    samples, _ = evaluate.choose(subset, Segmenter.load(DEFAULT_MODEL), "unseen")
    photos = [read_photo(sample.photo) for sample in samples[:TIMED_PHOTOS]]
    for row, seconds in zip(rows, timed(rows, photos), strict=True):
        row["ms"] = 1000 * seconds
    text = "\n".join(
        table_of_runs(title, [row for row in rows if row["stage"] == stage])
        for stage, title in (("coarse", "Coarse network"), ("refiner", "Second stage"))
    )
    if not only:
        text += "\n" + table_of_steps(postprocessing(samples))
    (out / "ablation.md").write_text(text)
    print(text)


def scored(variant: Variant, data: Path, run: Path, shared: Config) -> dict[str, Any]:
    """Train and score `variant` in the folder `run`, unless that is done; return its scores.

    Raises:
        InputError: the finished run was made with other photos, settings or weights.
    """
    settings = overlaid(shared, variant.settings)
    with_coarse = variant.stage == "coarse"
    origin = [
        made_with([data], settings),
        None if with_coarse else weights_hash(find_model(DEFAULT_MODEL)),
    ]
    scores = read_scores(run, origin, "photos, settings or weights")
    if scores is None:
        train([data], run, settings, coarse=None if with_coarse else DEFAULT_MODEL)
        segmenter = Segmenter.load(run / "model")
        summary, _ = evaluate.evaluate(data, segmenter, MaskOptions(budget=variant.budget))
        scores = summary.to_json() | {
            "name": variant.name,
            "stage": variant.stage,
            "budget": variant.budget,
            "made_with": origin,
            "parameters": [num_parameters(network) for network in networks_of(segmenter.model)],
        }
        with replacing(run / "scores.json") as file:
            file.write_text(json.dumps(scores, indent=2))
    return scores | {"run": str(run)}


def timed(rows: Sequence[dict[str, Any]], photos: Sequence[Photo]) -> list[float]:
    """Return the seconds that the model of each row takes from a photo to its mask, in turn."""
    masks = [
        partial(
            Segmenter.load(Path(row["run"]) / "model"), options=MaskOptions(budget=row["budget"])
        )
        for row in rows
    ]
    return seconds_in_turn(masks, photos)


def postprocessing(samples: Sequence[Sample]) -> dict[str, dict[str, list[float]]]:
    """Return Dice and time, on one core, of each chain of steps on the package's masks."""
    cv2.setNumThreads(1)
    segmenter = Segmenter.load(DEFAULT_MODEL)
    chains: dict[str, list[Step]] = {"none": []}
    chains |= {text: [parse(part) for part in text.split(",")] for text in POSTPROCESS}
    results: dict[str, dict[str, list[float]]] = {text: defaultdict(list) for text in chains}
    for sample in samples:
        photo, truth = read_photo(sample.photo), read_sample_mask(sample)
        prediction = segmenter.predict(photo, MaskOptions(postprocess=()))
        masks = {
            "coarse, nearest": prediction.coarse_nearest,
            "coarse": prediction.coarse > 0,
            "refined": prediction.logits > 0,
        }
        for text, steps in chains.items():
            for kind, mask in masks.items():
                started = time.perf_counter()
                finished = apply(steps, mask, photo)
                results[text]["ms"].append(1000 * (time.perf_counter() - started))
                results[text][kind].append(overlap(finished, truth).dice)
    return results


def table_of_runs(title: str, rows: Sequence[dict[str, Any]]) -> str:
    """Return a table in Markdown, one row for each variant."""
    headings = [title, "parameters", "coarse", "refined", "tiles", "GMac", "ms"]
    cells = []
    for row in rows:
        first, second = row["parameters"]
        cells.append(
            [
                row["name"],
                f"{first / 1e6:.3f} M + {second / 1e6:.3f} M",
                f"{row['coarse']['dice']:.4f}",
                f"{row['refined']['dice']:.4f}",
                f"{row['tiles']:.0f}",
                f"{row['gmac']['refined']:.1f}",
                f"{row['ms']:.0f}",
            ]
        )
    return table(headings, cells)


def table_of_steps(results: dict[str, dict[str, list[float]]]) -> str:
    """Return a table in Markdown, one row for each chain of steps."""
    masks = ("coarse, nearest", "coarse", "refined")
    headings = ["Post-processing", *masks, "refined better, worse", "ms"]
    before = results["none"]["refined"]
    rows = []
    for name, values in results.items():
        pairs = list(zip(values["refined"], before, strict=True))
        better, worse = sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)
        dice = [f"{fmean(values[kind]):.5f}" for kind in masks]
        times = f"{median(values['ms']):.0f}"
        rows.append([name.replace(",", ", "), *dice, f"{better}, {worse}", times])
    return table(headings, rows)


if __name__ == "__main__":
    sys.exit(run(app))

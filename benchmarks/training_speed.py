"""Speed of training and of making patches, and whether training waits for its data.

Both stages are trained for two epochs by the usual commands; the second epoch counts. The share of
the time that the network computes is the time of the epoch less that in which the loop waits for
its next batch.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.markdown import table
from benchmarks.variants import FROM_NOTHING, Settings
from data.images import read_photo
from data.samples import Sample, read_sample_mask
from pipeline.inference.stream import map_photos
from pipeline.model import Model
from pipeline.model_folder import save_model
from pipeline.toml_settings import load_settings, overlaid, save_settings
from pipeline.training import commands

QUICK: Settings = {
    "coarse": {"epochs": 2, "validate_every": 2, "compile": False},
    "refiner": {"epochs": 2, "validate_every": 2, "compile": False},
}
"""Nothing is compiled, which would take longer than these trainings."""


def table_of_trainings(
    data: Path,
    samples: Sequence[Sample],
    folder: Path,
    base: Path,
    patch_model: Model,
    device: str,
) -> str:
    """Return the table in Markdown.

    Args:
        data: photos with masks, small enough for two epochs.
        samples: the same.
        folder: folder to work in, without a run in it.
        base: settings file.
        patch_model: the model whose coarse network the patches are made with; that of this short
            training is uncertain everywhere.
        device: where to compute.
    """
    config = overlaid(overlaid(load_settings(base), FROM_NOTHING), QUICK)
    folder.mkdir(parents=True, exist_ok=True)
    path, run = folder / "settings.toml", folder / "refiner"
    save_settings(config, path)
    reading = seconds_to_read(samples)
    commands.train_coarse([data], folder / "coarse", path, device)
    # It may have been trained on the validation photos, but no score is used here.
    save_model(replace(patch_model, refiner=None, provenance={}), run / "model")
    started = time.perf_counter()
    commands.make_patches([data], run, path, device)
    making = time.perf_counter() - started
    commands.train_refiner(run, path, device)
    num = len(samples)
    rows = [
        ["reading photos and masks", f"{num / reading:.1f} photos", ""],
        ["make-patches", f"{num / making:.1f} photos", ""],
        row("train-coarse", last_epoch(folder / "coarse" / "coarse"), "photos"),
        row("train-refiner", last_epoch(run / "refiner"), "patches"),
    ]
    return table(["step", "a second", "share of the time that the network computes"], rows)


def row(name: str, epoch: Mapping[str, float], unit: str) -> list[str]:
    """Return the cells of a training."""
    name = f"{name}, {epoch['steps']} step{'s' if epoch['steps'] > 1 else ''}"
    speed = epoch["items"] / epoch["train_seconds"]
    share = 1 - epoch["waiting_seconds"] / epoch["train_seconds"]
    return [name, f"{speed:.1f} {unit}", f"{100 * share:.1f} %"]


def seconds_to_read(samples: Sequence[Sample]) -> float:
    """Return how long it takes to read all photos and masks, on all cores."""
    started = time.perf_counter()
    for _ in map_photos(lambda s: (read_photo(s.photo), read_sample_mask(s)), samples):
        pass
    return time.perf_counter() - started


def last_epoch(stage_dir: Path) -> dict[str, float]:
    """Return the measurements of the last epoch of a stage."""
    row: dict[str, float] = json.loads((stage_dir / "metrics.jsonl").read_text().splitlines()[-1])
    return row

"""What each method is worth: every variant trained alike, scored on cars that none has seen.

    python -m benchmarks.ablation DATA OUT [--every 3] [--coarse-epochs 8] [--refiner-epochs 2]

Of each car every third angle is used. What is finished stays in OUT, so that the same command
goes on after an interruption; in the end OUT/ablation.md has the tables.
"""

import json
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Annotated, Any

import cv2
import numpy as np
import torch
from cyclopts import App, Parameter
from numpy.typing import NDArray

from benchmarks.cross_validation import made_with
from benchmarks.variants import FROM_NOTHING, POSTPROCESS, VARIANTS, Settings, Variant
from data.errors import InputError, SettingsError
from data.files import replacing
from data.images import read_photo
from data.masks import read_mask
from data.samples import Sample, find_samples
from pipeline import DEFAULT_MODEL
from pipeline.cli import Count, run
from pipeline.config import Config
from pipeline.evaluation import evaluate
from pipeline.evaluation.metrics import overlap
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from pipeline.model_folder import find_model, load_model, save_model, weights_hash
from pipeline.toml_settings import load_settings, overlaid, save_settings
from pipeline.training import commands
from refine.postprocess import Step, apply, parse

ROUNDS = 5
"""How often each variant is timed, in turn with the others; the median counts."""

TIMED_PHOTOS = 4

QUICK: Settings = {
    "coarse": {"compile": False, "validate_every": 8},
    "refiner": {"compile": False, "validate_every": 8},
}
"""What suits trainings of minutes: they are scored once, in the end."""

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
        every: of each car's photos, one in so many is used.
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
    some = thinned(data, out / "data", every, shared.data.group)
    rows = [
        scored(variant, some, out / variant.stage / variant.folder, shared)
        for variant in VARIANTS
        if not only or variant.name in only
    ]
    samples, _ = evaluate.choose(some, Segmenter.load(DEFAULT_MODEL), "unseen")
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


def thinned(data: Path, folder: Path, every: int, group: str) -> Path:
    """Make `folder` a data set of links to one in `every` photos of each group of `data`.

    Groups begin with different photos, so that all angles occur.

    Raises:
        InputError: `folder` has others already.
    """
    by_group: dict[str, list[Sample]] = defaultdict(list)
    for sample in find_samples(data, group_pattern=group):
        by_group[sample.group].append(sample)
    links = {
        folder / path.relative_to(data): path.resolve()
        for i, samples in enumerate(by_group.values())
        for sample in samples[i % every :: every]
        for path in (sample.photo, sample.mask)
    }
    if any(path not in links for path in folder.glob("*/*")):
        raise InputError(f"{folder} has other photos, of another --every; name another folder")
    for link, path in links.items():
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.unlink(missing_ok=True)  # whose photo has moved
            link.symlink_to(path)
    return folder


def scored(variant: Variant, data: Path, run: Path, shared: Config) -> dict[str, Any]:
    """Train `variant` in the folder `run`, unless that is done, and return what it reaches.

    Raises:
        InputError: what is done was made with something else.
    """
    path, settings = run / "scores.json", overlaid(shared, variant.settings)
    with_coarse = variant.stage == "coarse"
    given = [
        made_with([data], settings),
        None if with_coarse else weights_hash(find_model(DEFAULT_MODEL)),
    ]
    if not path.exists():
        train(data, run, settings, with_coarse=with_coarse)
        segmenter = Segmenter.load(run / "model")
        scores, _ = evaluate.evaluate(data, segmenter, MaskOptions(budget=variant.budget))
        scores |= {
            "name": variant.name,
            "stage": variant.stage,
            "budget": variant.budget,
            "made_with": given,
            "parameters": [num_parameters(network) for network in networks_of(segmenter.model)],
        }
        with replacing(path) as file:
            file.write_text(json.dumps(scores, indent=2))
    found: dict[str, Any] = json.loads(path.read_text())
    if found.get("made_with") != given:
        raise InputError(f"{path} is of other photos, settings or weights; name another folder")
    return found | {"run": str(run)}


def train(data: Path, run: Path, settings: Config, *, with_coarse: bool) -> None:
    """Train both stages of `run`, or only the second on the coarse network of the package."""
    run.mkdir(parents=True, exist_ok=True)
    path = run / "settings.toml"
    save_settings(settings, path)
    if with_coarse:
        commands.train_coarse([data], run, path, "auto")
    elif not (run / "model").exists():
        save_model(replace(load_model(DEFAULT_MODEL), refiner=None), run / "model")
    commands.make_patches([data], run, path, "auto")
    commands.train_refiner(run, path, "auto")


def networks_of(trained: Model) -> list[torch.nn.Module]:
    """Return the networks that `trained` has, as they are on disk."""
    return [network for network in (trained.coarse, trained.refiner) if network is not None]


def num_parameters(network: torch.nn.Module) -> int:
    """Return how many numbers `network` has learned."""
    return sum(parameter.numel() for parameter in network.parameters())


def timed(rows: Sequence[dict[str, Any]], photos: Sequence[NDArray[np.uint8]]) -> list[float]:
    """Return the seconds that the model of each row takes from a photo to its mask, in turn."""
    segmenters = [Segmenter.load(Path(row["run"]) / "model") for row in rows]
    times: list[list[float]] = [[] for _ in rows]
    for _ in range(ROUNDS):
        for taken, segmenter, row in zip(times, segmenters, rows, strict=True):
            work = partial(segmenter, options=MaskOptions(budget=row["budget"]))
            taken.append(seconds_of(work, photos) / len(photos))
    return [median(taken) for taken in times]


def seconds_of(work: Callable[[Any], object], items: Iterable[Any]) -> float:
    """Return how long `work` takes for all `items`."""
    started = time.perf_counter()
    for item in items:
        work(item)
    return time.perf_counter() - started


def postprocessing(samples: Sequence[Sample]) -> dict[str, dict[str, list[float]]]:
    """Return Dice and time, on one core, of each chain of steps on the package's masks."""
    cv2.setNumThreads(1)
    segmenter = Segmenter.load(DEFAULT_MODEL)
    chains: dict[str, list[Step]] = {"none": []}
    chains |= {text: [parse(part) for part in text.split(",")] for text in POSTPROCESS}
    found: dict[str, dict[str, list[float]]] = {text: defaultdict(list) for text in chains}
    for sample in samples:
        photo, truth = read_photo(sample.photo), read_mask(sample.mask)
        prediction = segmenter.predict(photo, MaskOptions(postprocess=()))
        masks = {
            "nearest": prediction.coarse_nearest,
            "coarse": prediction.coarse > 0,
            "refined": prediction.logits > 0,
        }
        for text, steps in chains.items():
            for kind, mask in masks.items():
                started = time.perf_counter()
                finished = apply(steps, mask, photo)
                found[text]["ms"].append(1000 * (time.perf_counter() - started))
                found[text][kind].append(overlap(finished, truth).dice)
    return found


def table_of_runs(title: str, rows: Sequence[dict[str, Any]]) -> str:
    """Return a table in Markdown, one row a variant."""
    text = f"| {title} | parameters | coarse | refined | tiles | GMac | ms |\n"
    text += "|---|---|---|---|---|---|---|\n"
    for row in rows:
        first, second = row["parameters"]
        text += (
            f"| {row['name']} | {first / 1e6:.3f} M + {second / 1e6:.3f} M "
            f"| {row['coarse']['dice']:.4f} | {row['refined']['dice']:.4f} "
            f"| {row['tiles']:.0f} | {row['gmac']['refined']:.1f} | {row['ms']:.0f} |\n"
        )
    return text


def table_of_steps(found: dict[str, dict[str, list[float]]]) -> str:
    """Return a table in Markdown, one row a chain of steps."""
    text = "| Post-processing | coarse, nearest | coarse | refined | refined better, worse | ms |\n"
    text += "|---|---|---|---|---|---|\n"
    before = found["none"]["refined"]
    for name, values in found.items():
        pairs = list(zip(values["refined"], before, strict=True))
        better, worse = sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)
        text += (
            f"| {name.replace(',', ', ')} | {fmean(values['nearest']):.5f} "
            f"| {fmean(values['coarse']):.5f} | {fmean(values['refined']):.5f} "
            f"| {better}, {worse} | {median(values['ms']):.0f} |\n"
        )
    return text


if __name__ == "__main__":
    sys.exit(run(app))

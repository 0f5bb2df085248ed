"""Runs that a benchmark trains: both stages, and the scores of a finished run."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.fingerprints import fingerprint
from pipeline.config import Config
from pipeline.model_folder import load_model, save_model
from pipeline.toml_settings import save_settings
from pipeline.training import commands
from pipeline.training.coarse_training import origin
from pipeline.training.initial_weights import with_coarse_init
from pipeline.training.split import split_samples


def made_with(data: Sequence[Path], settings: Config) -> str:
    """Return a hash of the photos and settings of a run, and of the weights it begins with.

    The names of these weights' folders do not count: a folder of runs may be moved.
    """
    sides = split_samples(data, settings.data)
    train, val = (fingerprint(samples) for samples in sides)
    settings = with_coarse_init(settings, {sample.group for side in sides for sample in side})
    trained_from = origin(settings, train, val)
    settings = replace(settings, coarse=replace(settings.coarse, init=""))
    text = json.dumps([asdict(settings), trained_from], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def train(
    data: Sequence[Path],
    run: Path,
    settings: Config,
    *,
    coarse: str | Path | None = None,
    patches: Path | None = None,
    num_sharp: int = 1,
    device: str = "auto",
) -> None:
    """Train both stages in the folder `run`, or the refiner alone.

    Args:
        data: folders of photos with masks.
        run: folder of the run.
        settings: of both stages.
        coarse: a model whose coarse network is taken, None to train one.
        patches: patch cache of that network, None to make one in the run.
        num_sharp: patches are made from so many of the folders, the first ones.
        device: device to compute on.
    """
    run.mkdir(parents=True, exist_ok=True)
    path = run / "settings.toml"
    save_settings(settings, path)
    if coarse is None:
        commands.train_coarse(data, run, path, device)
    elif not (run / "model").exists():
        save_model(replace(load_model(coarse), refiner=None), run / "model")
    if patches is None:
        commands.make_patches(data[:num_sharp], run, path, device)
    commands.train_refiner(run, path, device, patches)


def training_seconds(run: Path) -> dict[str, float]:
    """Return how long each stage of the run in the folder `run` was trained, validation included.

    The time that an interruption took from an epoch is not in it.
    """
    seconds = {}
    for path in sorted(run.glob("*/metrics.jsonl")):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        seconds[path.parent.name] = round(sum(row["seconds"] for row in rows), 1)
    return seconds


def read_scores(run: Path, origin: Any, depends_on: str) -> dict[str, Any] | None:
    """Return the scores of a finished run, or None if it is not finished.

    Args:
        run: folder of the run, with its `scores.json`.
        origin: hash that the scores must have been recorded with.
        depends_on: what is hashed, in words, for the message.

    Raises:
        InputError: the scores have another origin.
    """
    path = run / "scores.json"
    if not path.exists():
        return None
    scores: dict[str, Any] = json.loads(path.read_text())
    if scores.get("made_with") != origin:
        raise InputError(f"{path} is of other {depends_on}; name another folder")
    return scores

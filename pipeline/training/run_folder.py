"""A run on disk: its settings, and the files of its stages.

config.toml       the settings of the run
coarse/, refiner/ last.pt, best.pt and metrics.jsonl of each stage
patches.zarr      the patch cache
model/            the model so far: after stage one without a refiner
folds/            networks of stage one, each trained without one fold of the training groups
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from data import files, locks
from data.errors import InputError, SettingsError
from pipeline.config import Config
from pipeline.model import Model, own_version
from pipeline.model_folder import load_model
from pipeline.toml_settings import changed, load_settings, overlaid, save_settings

TABLES = {
    "train-coarse": ("data", "coarse"),
    "make-patches": ("tiles",),
    "train-refiner": ("refiner", "postprocess"),
}
"""The commands in their order, each with the tables of settings that no later command reads."""

STAGES = {"data": "coarse", "coarse": "coarse", "tiles": "refiner", "refiner": "refiner"}
"""Tables whose settings are fixed once the stage has been trained for an epoch."""

WRITTEN = ("coarse", "refiner", "model", "patches.zarr.partial", "patches.zarr.shares")
"""Folders of a run that files are written to."""

NEVER_FIXED = (
    *("coarse.steps", "coarse.epochs", "coarse.num_workers", "coarse.folds"),
    *("refiner.steps", "refiner.epochs"),
)


def read_settings(
    run: Path, given: Path | None, command: str, options: Mapping[str, Any] | None = None
) -> Config:
    """Return the settings of `run`.

    Options of the command line override the file `given`, which overrides the settings that the
    run was started with, which override the defaults.

    Args:
        run: folder of the run, which need not exist yet.
        given: settings file from the command line.
        command: name of the command.
        options: settings from options of the command line, table by table.

    Raises:
        InputError: they change settings that are fixed, or that an earlier command reads.
        SettingsError: the file `given` has an error.
    """
    if given is not None and not given.is_file():
        raise InputError(f"no such settings file: {given}")
    started_with = _started_with(run)
    config = load_settings(given, started_with) if given else started_with or Config()
    config = overlaid(config, options or {})
    if started_with is not None:
        check_changes(run, changed(started_with, config), command)
    return config


def check_changes(run: Path, names: Sequence[str], command: str) -> None:
    """Raise if `command` may not change the settings `names` of `run`.

    Raises:
        InputError: some of them are fixed, or only an earlier command may change them.
    """
    fixed = [name for name in names if _is_fixed(run, name)]
    if fixed:
        raise InputError(
            f"{run} was started with other values of {', '.join(fixed)}; train in another folder"
        )
    commands = list(TABLES)
    for reader in commands[: commands.index(command)]:
        early = [name for name in names if name.partition(".")[0] in TABLES[reader]]
        if early:
            raise InputError(
                f"{command} does not change {', '.join(early)}; "
                f"pass --config to `foveamask {reader} DATA {run}`"
            )


def _is_fixed(run: Path, name: str) -> bool:
    """Whether the setting `name` is fixed: its stage has been trained for an epoch."""
    stage = STAGES.get(name.partition(".")[0])
    return bool(stage) and name not in NEVER_FIXED and (run / str(stage) / "last.pt").exists()


def _started_with(run: Path) -> Config | None:
    """Return the settings in the run's config.toml; None if there is no such file.

    Raises:
        InputError: this version does not know some of them.
    """
    path = run / "config.toml"
    if not path.exists():
        return None
    try:
        return load_settings(path)
    except SettingsError as error:
        raise InputError(
            f"{error}; this version cannot resume that run, train in another folder"
        ) from error


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Keep other commands out of the folder `run`, which is created if it does not exist.

    If the block raises before it has written anything, a folder created here is removed again.
    Processes that `torchrun` started together share the lock of the first one.

    Raises:
        InputError: another command is running in it.
    """
    if int(os.environ.get("RANK", "0")):
        yield
        return
    is_new = not run.exists()
    run.mkdir(parents=True, exist_ok=True)
    path = run / ".lock"
    with locks.locked(path, f"another command is at work in {run}"):
        for folder in (run, *map(run.joinpath, WRITTEN), *run.glob("folds/*/*/")):
            files.remove_partials(folder)
        try:
            yield
        finally:
            if is_new and list(run.iterdir()) == [path]:
                path.unlink()
                run.rmdir()


def record(run: Path, settings: Config) -> None:
    """Write the settings of the stage that starts now to the run's config.toml."""
    run.mkdir(parents=True, exist_ok=True)
    save_settings(settings, run / "config.toml")


def model_so_far(run: Path) -> Model:
    """Return the model of `run`; it has a refiner once stage two is trained.

    Raises:
        InputError: stage one has not been trained, or the model is damaged.
    """
    if not (run / "model" / "model.json").is_file():
        raise InputError(f"{run} has no model yet; run `foveamask train-coarse DATA {run}`")
    return load_model(run / "model")


def steps_taken(stage_dir: Path) -> int:
    """Return how many steps the training in `stage_dir` has taken so far."""
    return sum(int(row["steps"]) for row in epochs(stage_dir))


def seconds_taken(stage_dir: Path) -> float:
    """Return how many seconds the epochs of the training in `stage_dir` took so far."""
    return sum(float(row["seconds"]) for row in epochs(stage_dir))


def epochs(stage_dir: Path) -> list[dict[str, float]]:
    """Return the measurements of each epoch of the training in `stage_dir` so far.

    Raises:
        InputError: their file is damaged.
    """
    path = stage_dir / "metrics.jsonl"
    if not path.exists():
        return []
    try:
        return [dict(json.loads(line)) for line in path.read_text().splitlines()]
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is damaged; delete {stage_dir} to train again") from error


def versions() -> dict[str, str]:
    """Return the versions of the programs, for the provenance of a model."""
    return {"foveamask": own_version(), "torch": torch.__version__}

"""A run on disk: its settings, and the files of its stages.

config.toml       the settings as resolved
coarse/, refiner/ last.pt, best.pt and metrics.jsonl of each stage
patches.zarr      the patch cache
model/            the model so far: after stage one without a refiner
folds/            runs of the coarse stage that each leave out some groups
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch

from data import files
from data.errors import InputError
from pipeline import config, model
from pipeline.config import Config
from pipeline.model import Model


def resolve(
    run: Path, given: Path | None, editable: Iterable[str], others: Mapping[str, Iterable[str]]
) -> Config:
    """Return the settings of `run`.

    They are those of the file `given` over those that the run began with over the defaults.

    Args:
        run: folder of the run, which need not be there yet.
        given: settings file named on the command line.
        editable: settings, or tables of them, that may differ from what the run began with.
        others: by command, those that may with that one in the place of this; the last of several
            commands is named.

    Raises:
        InputError: `given` changes what an earlier stage of the run was made with, or what another
            command takes up.
        SettingsError: a settings file is at fault.
    """
    if given is not None and not given.is_file():
        raise InputError(f"no such settings file: {given}")
    kept = run / "config.toml"
    begun = config.load(kept) if kept.exists() else None
    wanted = config.load(given, begun) if given is not None else begun or Config()
    if begun is not None:
        allowed = tuple(editable)
        fixed = [name for name in config.changed(begun, wanted) if not covers(allowed, name)]
        if fixed:
            todo = "train in another folder"
            for command, names in others.items():
                if all(covers(names, name) for name in fixed):
                    todo = f"give it to `foveamask {command}`"
            raise InputError(f"{run} was begun with another {', '.join(fixed)}; {todo}")
    return wanted


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Keep other commands out of the folder `run`, which is made if it is not there.

    Processes that `torchrun` started together share the lock of the first.

    Raises:
        InputError: another command is at work in it.
    """
    if int(os.environ.get("RANK", "0")):
        yield
        return
    run.mkdir(parents=True, exist_ok=True)
    with files.locked(run / ".lock", f"another command is at work in {run}"):
        yield


def record(run: Path, settings: Config) -> None:
    """Write the settings that a stage is about to work with to the run's config.toml."""
    run.mkdir(parents=True, exist_ok=True)
    config.save(settings, run / "config.toml")


def model_so_far(run: Path) -> Model:
    """Return the model of `run`, which has a refiner once that is trained.

    Raises:
        InputError: stage one has not been trained, or the model is damaged.
    """
    if not (run / "model" / "model.json").is_file():
        raise InputError(f"{run} has no model yet; run `foveamask train-coarse DATA {run}`")
    return model.load(run / "model")


def covers(settings: Iterable[str], name: str) -> bool:
    """Whether `name` is one of `settings` or lies in a table that is."""
    return any(name == setting or name.startswith(f"{setting}.") for setting in settings)


def versions() -> dict[str, str]:
    """Return what a model's provenance says of the programs it was trained with."""
    return {"foveamask": model.own_version(), "torch": torch.__version__}

"""Training state on disk. Files are written completely or not at all.

torch writes zip files, which hold a CRC-32 of each of their parts. It does not check them when it
reads; `read` does.
"""

import io
import json
import pickle
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from data.errors import InputError
from data.files import replacing, write_bytes
from pipeline.training.plan import Pace

FORMAT = 3

UNREADABLE = (
    *(RuntimeError, OSError, EOFError, LookupError, ValueError, ArithmeticError),
    *(pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, struct.error),
)
"""Errors that `zipfile` and `torch.load` raise for damaged files, depending on where the damage
is."""

Kept = Literal["average", "weights"]
"""Which of the two is better on the validation set."""

AVERAGED = "module."
"""Prefix of `AveragedModel` for the names of the averaged network."""


@dataclass
class TrainState:
    """Everything that changes while a network trains.

    `origin` is a hash of the photos and settings; a state of another origin is not resumed.
    """

    model: nn.Module
    average: AveragedModel
    optimizer: Optimizer
    schedule: LRScheduler
    scaler: torch.amp.GradScaler
    origin: str
    pace: Pace
    epoch: int = 0
    step: int = 0
    passes: int = 0
    """Passes through the training set that have begun."""
    kept: Kept = "average"
    """What is kept of this state, if it is the best one."""
    best_score: float = float("-inf")
    history: list[dict[str, float]] = field(default_factory=list)
    """Measurements of each epoch so far, as in metrics.jsonl."""

    def save(self, path: Path) -> None:
        """Write this state to `path`, replacing an earlier one in one step."""
        data = io.BytesIO()
        torch.save(
            {
                "format": FORMAT,
                "origin": self.origin,
                "steps_a_pass": self.pace.plan.steps_a_pass,
                "pace": self.pace.to_json(),
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "scaler": self.scaler.state_dict(),
                "epoch": self.epoch,
                "step": self.step,
                "passes": self.passes,
                "kept": self.kept,
                "best_score": self.best_score,
                "history": self.history,
            },
            data,
        )
        # torch itself would raise RuntimeError on a full disk.
        write_bytes(path, data.getvalue())

    def restore(self, path: Path, *, is_timed: bool = False) -> None:
        """Load the state that `save` wrote to `path` into this one.

        Args:
            path: the file.
            is_timed: whether a limit of time ends the training, so that its steps are those of the
                saved state.

        Raises:
            InputError: the file or the `best.pt` beside it is damaged, or it is of another format
                or origin, or from another number of processes.
        """
        saved = read(path)
        if saved["origin"] != self.origin:
            raise InputError(
                f"{path} was trained from other photos or settings; "
                "train in another folder, or delete this one to start again"
            )
        steps_a_pass = self.pace.plan.steps_a_pass
        if saved["steps_a_pass"] != steps_a_pass:
            raise InputError(
                f"{path} was trained with {saved['steps_a_pass']} steps a pass through the "
                f"photos, not {steps_a_pass}; resume with as many processes as it was "
                "started with"
            )
        if saved["best_score"] > float("-inf"):
            read_best(path.parent)  # or training would go on, and end with an error
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        self.scaler.load_state_dict(saved["scaler"])
        self.pace.restore(saved["pace"], is_timed=is_timed)
        self.epoch, self.step = saved["epoch"], saved["step"]
        self.passes, self.kept = saved["passes"], saved["kept"]
        self.best_score = saved["best_score"]
        self.history = saved["history"]

    def write_history(self, path: Path) -> None:
        """Write one line of JSON per epoch to `path`."""
        with replacing(path) as partial:
            partial.write_text("".join(json.dumps(row) + "\n" for row in self.history))


def read(path: Path) -> dict[str, Any]:
    """Return what `TrainState.save` wrote to `path`.

    Raises:
        InputError: the file is damaged or of another format.
    """
    damaged = f"{path} is damaged; delete {path.parent} to train that stage again from the start"
    data = io.BytesIO(path.read_bytes())
    try:
        check_parts(data)
        saved: dict[str, Any] = torch.load(data, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise InputError(damaged) from error
    if not isinstance(saved, dict):
        raise InputError(damaged)
    if saved.get("format") != FORMAT:
        raise InputError(
            f"{path} has format {saved.get('format')}; this version reads {FORMAT}; "
            "train again in another folder"
        )
    return saved


def check_parts(data: io.BytesIO) -> None:
    """Check the CRC-32 of each part of a zip file.

    Raises:
        zipfile.BadZipFile: one of them differs, or this is no zip file.
    """
    with zipfile.ZipFile(data) as parts:
        damaged = parts.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"{damaged} is damaged")
    data.seek(0)


def read_best(stage_dir: Path) -> dict[str, Any]:
    """Return the state after a stage's best epoch.

    Raises:
        InputError: it is missing or damaged.
    """
    best = stage_dir / "best.pt"
    if not best.exists():
        raise InputError(f"{best} is missing; delete {stage_dir} to train that stage again")
    return read(best)


def load_best(network: nn.Module, stage_dir: Path) -> float:
    """Load what was kept of a stage's best epoch into `network`; return its score.

    That is the moving average of the weights, or the weights themselves where they are better.

    Raises:
        InputError: they are missing or damaged.
    """
    saved = read_best(stage_dir)
    average: dict[str, Any] = saved["average"]
    averaged = {
        name.removeprefix(AVERAGED): value
        for name, value in average.items()
        if name.startswith(AVERAGED)
    }
    network.load_state_dict(saved["model"] if saved["kept"] == "weights" else averaged)
    return float(saved["best_score"])

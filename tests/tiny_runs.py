"""A network that is trained within no time, as both stages are."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipeline.config import TrainConfig
from pipeline.training import checkpoint
from pipeline.training.checkpoint import TrainState
from pipeline.training.loop import (
    StageRun,
    fit,
)

Batch = tuple[Tensor, Tensor]


class TinyBatches:
    """Four shuffled batches of the same noise."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(7)
        self.x = torch.randn(32, 4, generator=generator)
        self.y = torch.randn(32, 1, generator=generator)
        self.epoch = 0
        self.epochs: list[int] = []

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        self.epochs.append(epoch)

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[Batch]:
        order = torch.randperm(32, generator=torch.Generator().manual_seed(self.epoch))
        for rows in order.split(8):
            yield self.x[rows], self.y[rows]


def batch_loss(model: nn.Module, batch: Batch) -> Tensor:
    x, y = batch
    return nn.functional.mse_loss(model(x), y)


def tiny_network(seed: int = 1) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))


def score(model: nn.Module) -> float:
    assert not model.training
    batches = TinyBatches()
    return -float(batch_loss(model, (batches.x, batches.y)))


def small_run(run_dir: Path, seed: int = 1, **settings: object) -> dict[str, Tensor]:
    """Train a tiny network, or resume that; return its weights after the last step."""
    model = tiny_network(seed)
    config = TrainConfig(**({"epochs": 4} | settings))  # type: ignore[arg-type]
    fit(model, batch_loss, TinyBatches(), score, config, StageRun(run_dir, "tiny"))
    weights: dict[str, Tensor] = checkpoint.read(run_dir / "last.pt")["model"]
    return weights


def rows_of(run_dir: Path) -> list[dict[str, float]]:
    """The lines of the log but for how long each epoch took."""
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if not k.endswith("seconds")} for line in lines
    ]


def die_at(monkeypatch: pytest.MonkeyPatch, what: str, epoch: int) -> None:
    """Interrupt the run at a moment of an epoch, the first of which is 1."""

    def dying(*arguments: object) -> None:
        raise KeyboardInterrupt

    if what == "in the middle of an epoch":
        whole = TinyBatches.__iter__

        def half(self: TinyBatches) -> Iterator[Batch]:
            batches = list(whole(self))
            yield from batches[:2] if self.epoch + 1 == epoch else batches
            if self.epoch + 1 == epoch:
                raise KeyboardInterrupt

        monkeypatch.setattr(TinyBatches, "__iter__", half)
        return
    name, file = {
        "before best.pt": ("save", "best.pt"),
        "before metrics.jsonl": ("write_history", "metrics.jsonl"),
        "before last.pt": ("save", "last.pt"),
    }[what]
    real = getattr(TrainState, name)

    def write(self: TrainState, path: Path) -> None:
        if path.name == file and self.epoch == epoch:
            raise KeyboardInterrupt
        real(self, path)

    monkeypatch.setattr(TrainState, name, write)

"""Whether the networks or the data keep training waiting, and how fast patches are made.

Both stages are trained for two epochs by the code that always trains them; the second counts. What
is left when the time that the loop waits for its next batch is taken away, is the share of time in
which a network learns.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.variants import FROM_NOTHING, Settings
from data.images import read_photo
from data.masks import read_mask
from data.samples import Sample
from pipeline.inference.stream import map_photos
from pipeline.model import Model
from pipeline.model_folder import save_model
from pipeline.toml_settings import load_settings, overlaid, save_settings
from pipeline.training import commands, loop
from pipeline.training.checkpoint import TrainState
from pipeline.training.loop import Batches, BatchLoss

QUICK: Settings = {
    "coarse": {"epochs": 2, "validate_every": 2, "compile": False},
    "refiner": {"epochs": 2, "validate_every": 2, "compile": False},
}
"""Compiling would take longer than these trainings."""


@dataclass
class Epoch:
    """Where the time of one epoch went."""

    seconds: float = 0.0
    waiting: float = 0.0
    batches: int = 0
    items: int = 0
    """Photos or patches."""


class Timed:
    """Batches with a clock on how long the loop waits for them."""

    def __init__(self, batches: Batches, epoch: Epoch) -> None:
        self.batches = batches
        self.epoch = epoch

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: the epoch is chosen."""

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        started = time.perf_counter()
        for batch in self.batches:
            self.epoch.waiting += time.perf_counter() - started
            self.epoch.batches += 1
            self.epoch.items += len(batch[0])
            yield batch
            started = time.perf_counter()


def table(
    data: Path,
    samples: Sequence[Sample],
    folder: Path,
    base: Path,
    cutter: Model,
    device: str,
) -> str:
    """Return the table in Markdown.

    Args:
        data: photos with masks, small enough for two epochs.
        samples: the same.
        folder: to work in, without a run in it.
        base: settings file.
        cutter: the model whose coarse network cuts the patches that the refiner learns from; that
            of this training is sure of nothing yet.
        device: where to compute.
    """
    config = overlaid(overlaid(load_settings(base), FROM_NOTHING), QUICK)
    folder.mkdir(parents=True, exist_ok=True)
    path, run = folder / "settings.toml", folder / "refiner"
    save_settings(config, path)
    reading = seconds_to_read(samples)
    with epochs() as coarse:
        commands.train_coarse([data], folder / "coarse", path, device)
    # It may have learnt from photos held out here, where nothing depends on scores.
    save_model(replace(cutter, refiner=None, provenance={}), run / "model")
    started = time.perf_counter()
    commands.make_patches([data], run, path, device)
    making = time.perf_counter() - started
    with epochs() as refiner:
        commands.train_refiner(run, path, device)
    num = len(samples)
    text = "| step | a second | share of the time that the network computes |\n|---|---|---|\n"
    text += f"| reading photos and masks | {num / reading:.1f} photos | |\n"
    text += f"| make-patches | {num / making:.1f} photos | |\n"
    text += row("train-coarse", coarse[-1], "photos")
    return text + row("train-refiner", refiner[-1], "patches")


def row(name: str, epoch: Epoch, what: str) -> str:
    """Return the row of a training in Markdown."""
    name = f"{name}, {epoch.batches} step{'s' if epoch.batches > 1 else ''}"
    speed = epoch.items / epoch.seconds
    share = 1 - epoch.waiting / epoch.seconds
    return f"| {name} | {speed:.1f} {what} | {100 * share:.1f} % |\n"


def seconds_to_read(samples: Sequence[Sample]) -> float:
    """Return how long it takes to read all photos and masks, on all cores."""
    started = time.perf_counter()
    for _ in map_photos(lambda s: (read_photo(s.photo), read_mask(s.mask)), samples):
        pass
    return time.perf_counter() - started


@contextmanager
def epochs() -> Iterator[list[Epoch]]:
    """Put clocks around the epochs that are trained within the block."""
    found: list[Epoch] = []
    train_epoch = loop.train_epoch

    def timed(
        trained: Any, state: TrainState, loss: BatchLoss, batches: Batches, max_grad_norm: float
    ) -> float:
        epoch = Epoch()
        started = time.perf_counter()
        mean = train_epoch(trained, state, loss, Timed(batches, epoch), max_grad_norm)
        epoch.seconds = time.perf_counter() - started
        found.append(epoch)
        return mean

    with mock.patch.object(loop, "train_epoch", timed):
        yield found

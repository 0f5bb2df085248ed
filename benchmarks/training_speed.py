"""Speed of training and of making patches, and whether training waits for its data.

Both stages are trained for two epochs by the usual commands; the second epoch counts. The share of
the time that the network computes is the time of the epoch less that in which the loop waits for
its next batch.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.markdown import table
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
"""Nothing is compiled, which would take longer than these trainings."""


@dataclass
class Epoch:
    """The time of one epoch."""

    seconds: float = 0.0
    waiting: float = 0.0
    """Seconds in which the loop waited for its next batch."""
    batches: int = 0
    items: int = 0
    """Photos or patches."""


class Timed:
    """Batches that measure how long the loop waits for them."""

    def __init__(self, batches: Batches, epoch: Epoch) -> None:
        self.batches = batches
        self.epoch = epoch

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: the batches inside are of the right epoch already."""

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
    with epochs() as coarse:
        commands.train_coarse([data], folder / "coarse", path, device)
    # It may have been trained on the validation photos, but no score is used here.
    save_model(replace(patch_model, refiner=None, provenance={}), run / "model")
    started = time.perf_counter()
    commands.make_patches([data], run, path, device)
    making = time.perf_counter() - started
    with epochs() as refiner:
        commands.train_refiner(run, path, device)
    num = len(samples)
    rows = [
        ["reading photos and masks", f"{num / reading:.1f} photos", ""],
        ["make-patches", f"{num / making:.1f} photos", ""],
        row("train-coarse", coarse[-1], "photos"),
        row("train-refiner", refiner[-1], "patches"),
    ]
    return table(["step", "a second", "share of the time that the network computes"], rows)


def row(name: str, epoch: Epoch, unit: str) -> list[str]:
    """Return the cells of a training."""
    name = f"{name}, {epoch.batches} step{'s' if epoch.batches > 1 else ''}"
    speed = epoch.items / epoch.seconds
    share = 1 - epoch.waiting / epoch.seconds
    return [name, f"{speed:.1f} {unit}", f"{100 * share:.1f} %"]


def seconds_to_read(samples: Sequence[Sample]) -> float:
    """Return how long it takes to read all photos and masks, on all cores."""
    started = time.perf_counter()
    for _ in map_photos(lambda s: (read_photo(s.photo), read_mask(s.mask)), samples):
        pass
    return time.perf_counter() - started


@contextmanager
def epochs() -> Iterator[list[Epoch]]:
    """Return a list that collects the time of each epoch that is trained within the block."""
    measured: list[Epoch] = []
    train_epoch = loop.train_epoch

    def timed(
        trained: Any, state: TrainState, loss: BatchLoss, batches: Batches, max_grad_norm: float
    ) -> float:
        epoch = Epoch()
        started = time.perf_counter()
        mean = train_epoch(trained, state, loss, Timed(batches, epoch), max_grad_norm)
        epoch.seconds = time.perf_counter() - started
        measured.append(epoch)
        return mean

    with mock.patch.object(loop, "train_epoch", timed):
        yield measured

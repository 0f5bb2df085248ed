"""A clock for batches: it measures how long the training loop waits for its data."""

import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Protocol


class Batches(Sized, Iterable[Any], Protocol):
    """Batches, epoch by epoch. The first tensor of a batch has a row for each photo or patch."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""


class TimedBatches:
    """Batches that measure, in each epoch, how long the loop waits for them."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.waiting = 0.0
        """Seconds of this epoch in which the loop waited for its next batch."""
        self.items = 0
        """Photos or patches of this epoch that this process trained on."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration, and reset the measurements."""
        self.batches.set_epoch(epoch)
        self.waiting, self.items = 0.0, 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        started = time.monotonic()
        for batch in self.batches:
            self.waiting += time.monotonic() - started
            self.items += len(batch[0])
            yield batch
            started = time.monotonic()

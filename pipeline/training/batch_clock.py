"""Batches with a clock: how long the training loop waits for its data."""

import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Protocol


class Batches(Sized, Iterable[Any], Protocol):
    """The batches of one epoch after another; the first part of a batch has a row per item."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration goes through."""


class TimedBatches:
    """Batches that measure, in each epoch, how long they are waited for."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.waiting = 0.0
        """Seconds of this epoch in which the loop waited for its next batch."""
        self.items = 0
        """Photos or patches of this epoch, of this process."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration goes through, and start measuring anew."""
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

"""A clock for batches: it measures how long the training loop waits for its data."""

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, Protocol


class Epoch(Sized, Iterable[Any], Protocol):
    """The batches of an epoch. The first tensor of a batch has a row for each photo or patch."""


class Batches(Epoch, Protocol):
    """Batches, one pass through the training set after another."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the number of the pass that is iterated over next."""


class TimedBatches:
    """Epochs of one or more passes through `batches`, which measure how long the loop waits."""

    def __init__(self, batches: Batches, on_step: Callable[[], None] = lambda: None) -> None:
        self.batches = batches
        self.on_step = on_step
        """Called after each step."""
        self.num_steps = len(batches)
        self.first_pass = 0
        self.waiting = 0.0
        """Seconds of this epoch in which the loop waited for its next batch."""
        self.items = 0
        """Photos or patches of this epoch that this process trained on."""

    def set_epoch(self, first_pass: int, num_steps: int) -> None:
        """Choose the next epoch: the number of its first pass and of its steps.

        This resets the measurements.
        """
        self.first_pass, self.num_steps = first_pass, num_steps
        self.waiting, self.items = 0.0, 0

    def __len__(self) -> int:
        return self.num_steps

    def __iter__(self) -> Iterator[Any]:
        for passes, start in enumerate(range(0, self.num_steps, len(self.batches))):
            self.batches.set_epoch(self.first_pass + passes)
            yield from self._first_of_pass(self.num_steps - start)

    def _first_of_pass(self, num: int) -> Iterator[Any]:
        """Yield the first `num` batches of a pass, or all if there are fewer."""
        started = time.monotonic()
        for i, batch in enumerate(self.batches, 1):
            self.waiting += time.monotonic() - started
            self.items += len(batch[0])
            yield batch
            self.on_step()
            if i == num < len(self.batches):
                return
            started = time.monotonic()

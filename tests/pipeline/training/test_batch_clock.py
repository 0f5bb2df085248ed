from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from pipeline.training.batch_clock import TimedBatches


class SlowBatches:
    """Batches of 4, 4 and 3 items, each after a second of the clock `now`."""

    def __init__(self, now: list[float]) -> None:
        self.now = now
        self.epoch = -1

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[list[Tensor]]:
        for num in (4, 4, 3):
            self.now[0] += 1
            yield [torch.zeros(num, 2), torch.zeros(num)]


def test_what_is_waited_for_counts_and_what_is_done_with_a_batch_does_not(
    monkeypatch: pytest.MonkeyPatch,
):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    slow = SlowBatches(now)
    batches = TimedBatches(slow)

    for epoch in (5, 6):
        batches.set_epoch(epoch, 3)
        for _ in batches:
            now[0] += 10

        assert slow.epoch == epoch
        assert len(batches) == 3
        assert batches.items == 11
        assert batches.waiting == 3.0

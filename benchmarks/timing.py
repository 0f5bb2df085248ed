"""Seconds that work takes, on a CPU or a GPU."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import TypeVar

import torch

from pipeline.inference.cpu_setup import keep_freed_memory, opencv_in_one_thread

ROUNDS = 5
"""Number of times that work is timed; the median counts."""

Item = TypeVar("Item")

CPU = torch.device("cpu")


def seconds_of(work: Callable[[], object], device: torch.device = CPU) -> float:
    """Return how long `work` takes, including its work on `device`."""
    wait_for(device)
    started = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - started


def median_seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return the median time that `work` takes, after a first call that is not counted."""
    work()
    return median(seconds_of(work, device) for _ in range(ROUNDS))


def seconds_in_turn(
    methods: Sequence[Callable[[Item], object]],
    items: Sequence[Item],
    clock: Callable[[], float] | None = None,
) -> list[float]:
    """Return the median time that each method takes for an item.

    In every round each method works on all items, so that what slows the machine down slows all of
    them. Before that each works on one item, which is not counted: it allocates memory and
    compiles kernels.

    Args:
        methods: called with an item.
        items: at least one.
        clock: by default `time.perf_counter`; `time.process_time` counts the processor's time,
            whatever else the machine does.
    """
    clock = clock or time.perf_counter
    times: list[list[float]] = [[] for _ in methods]
    for method in methods:
        method(items[0])
    for _ in range(ROUNDS):
        for method, taken in zip(methods, times, strict=True):
            started = clock()
            for item in items:
                method(item)
            taken.append((clock() - started) / len(items))
    return [median(taken) for taken in times]


def wait_for(device: torch.device) -> None:
    """Wait until `device` has finished all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def on_one_core() -> Iterator[None]:
    """Compute in one thread, as each worker of a stream of photos does."""
    before = torch.get_num_threads()
    keep_freed_memory()
    torch.set_num_threads(1)
    try:
        with opencv_in_one_thread():
            yield
    finally:
        torch.set_num_threads(before)

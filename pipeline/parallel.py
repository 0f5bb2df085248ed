"""Photos side by side: several at once, each computed in one thread, results in order."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import cv2
import torch

from data.errors import InputError
from data.parallel import in_threads

T = TypeVar("T")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[T], Result], items: Iterable[T], num_workers: int | None = None
) -> Generator[Result | InputError, None, None]:
    """Call `work` on several items at once and give the results in order.

    An `InputError` is given in the place of the result, so that the others go on.

    Args:
        work: called in threads, one item a call.
        items: what to work on.
        num_workers: how many items at once; by default as many as this process has cores.
    """
    with one_thread_each():
        yield from in_threads(work, items, num_workers)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let each worker compute in one thread.

    On a CPU, several photos at once in a thread each beat one photo in several threads.
    """
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])

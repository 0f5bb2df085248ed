"""Photos side by side: several at once, each computed in one thread, results in order."""

import ctypes
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import cv2
import torch

from data.errors import InputError
from data.threads import in_threads

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Options of `mallopt`, as malloc.h has them."""

THRESHOLDS = (2**30, 2**25)
"""Bytes from which a block is given back at once. Older versions of glibc take no more than the
second."""

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


@cache
def keep_freed_memory() -> None:
    """Let this process keep large blocks of memory that it frees, for the next photo.

    The C library gives them back otherwise, and the pages of new ones are filled with zeros one by
    one, which takes a tenth of the time of a photo. Without effect where that library is not
    glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # Without a threshold of its own glibc adapts it, which trimming alone would end.
    if mallopt is not None and any(mallopt(M_MMAP_THRESHOLD, most) for most in THRESHOLDS):
        mallopt(M_TRIM_THRESHOLD, 2**30)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let each worker compute in one thread, and keep the memory of one photo for the next.

    On a CPU, several photos at once in a thread each beat one photo in several threads.
    """
    before = torch.get_num_threads(), cv2.getNumThreads()
    keep_freed_memory()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])

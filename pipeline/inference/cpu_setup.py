"""Cores and memory of a process that works on several photos at once.

On a CPU, several photos at once in a thread each beat one photo in several threads. Nothing here
outlives the work: torch's threads are set in the workers alone, and OpenCV's, which a process has
once, come back when the last of those that need it so has ended. The one setting for good,
`keep_freed_memory`, is for commands to call, whose process is their own.
"""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import cv2
import torch
from threadpoolctl import ThreadpoolController

T = TypeVar("T")
Result = TypeVar("Result")

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Options of `mallopt`, as malloc.h has them."""

THRESHOLDS = (2**30, 2**25)
"""Bytes from which a block is given back at once. Older versions of glibc take no more than the
second."""

_of_thread = threading.local()


class _OpenCV:
    """How many need OpenCV in one thread, and what it had before the first of them."""

    lock = threading.Lock()
    num_users = 0
    before = 0


@contextmanager
def opencv_in_one_thread() -> Iterator[None]:
    """Have OpenCV compute in the thread that calls it; several may ask for it at once."""
    with _OpenCV.lock:
        if not _OpenCV.num_users:
            _OpenCV.before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _OpenCV.num_users += 1
    try:
        yield
    finally:
        with _OpenCV.lock:
            _OpenCV.num_users -= 1
            if not _OpenCV.num_users:
                cv2.setNumThreads(_OpenCV.before)


def in_one_thread(work: Callable[[T], Result]) -> Callable[[T], Result]:
    """Return `work` so that torch computes it in the worker thread that calls it, and no other."""

    def alone(item: T) -> Result:
        if not getattr(_of_thread, "is_single", False):
            torch.get_num_threads()  # so that torch does not set it up later, with all cores
            _openmp().limit(limits=1)  # of this thread; others, and new ones, keep theirs
            _of_thread.is_single = True
        return work(item)

    return alone


@cache
def keep_freed_memory() -> None:
    """Let this process keep large blocks of memory that it frees, for the next photo.

    The C library gives them back otherwise, and the pages of new ones are filled with zeros one by
    one, which takes a tenth of the time of a photo. Without effect where that library is not
    glibc. It changes the whole process for good: a command may call it, a library may not.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # Without a threshold of its own glibc adapts it, which trimming alone would end.
    if mallopt is not None and any(mallopt(M_MMAP_THRESHOLD, most) for most in THRESHOLDS):
        mallopt(M_TRIM_THRESHOLD, 2**30)


@cache
def _openmp() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="openmp")

"""Threads and memory of a process that works on several photos at once.

On a CPU, several photos in one thread each are faster than one photo in several threads. The
number of torch's threads is limited in the worker threads only. OpenCV has one setting per process;
it is restored when the last user has ended. The only permanent setting, `keep_freed_memory`, is for
commands, which own their process.
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
"""Options of `mallopt`, from malloc.h."""

THRESHOLDS = (2**30, 2**25)
"""Sizes in bytes from which a freed block is returned to the system at once. Older versions of
glibc accept at most the second value."""

_of_thread = threading.local()


class _OpenCV:
    """Number of users that need OpenCV in one thread, and its setting before the first of them."""

    lock = threading.Lock()
    num_users = 0
    before = 0


@contextmanager
def opencv_in_one_thread() -> Iterator[None]:
    """Let OpenCV compute in the calling thread only; several users may overlap."""
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
    """Return `work`, limited to the thread that calls it: torch starts no threads of its own."""

    def alone(item: T) -> Result:
        if not getattr(_of_thread, "is_single", False):
            torch.get_num_threads()  # or torch would initialise it later, with all cores
            _openmp().limit(limits=1)  # for this thread only
            _of_thread.is_single = True
        return work(item)

    return alone


@cache
def keep_freed_memory() -> None:
    """Let this process keep large freed blocks of memory for the next photo.

    By default, glibc returns them to the system, which then fills the pages of new blocks with
    zeros. That takes a tenth of the time of a photo. With other C libraries this has no effect. It
    changes the process permanently: commands may call it, library code may not.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # glibc adapts the first threshold by itself; setting only the second one would end that.
    if mallopt is not None and any(mallopt(M_MMAP_THRESHOLD, most) for most in THRESHOLDS):
        mallopt(M_TRIM_THRESHOLD, 2**30)


@cache
def _openmp() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="openmp")

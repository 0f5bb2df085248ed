"""Photos side by side: several at once, each computed in one thread, results in order."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import cv2
import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Options of `mallopt`, as malloc.h has them."""

THRESHOLDS = (2**30, 2**25)
"""Bytes from which a block is given back at once. Older versions of glibc take no more than the
second."""


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
def single_threaded_ops() -> Iterator[None]:
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

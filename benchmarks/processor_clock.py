"""Clocks that count the time of the processor, whatever else the machine does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


@contextmanager
def on_processor_time() -> Iterator[None]:
    """Let clocks of this process count the time that it computes, all threads together."""
    with (
        mock.patch.object(time, "monotonic", time.process_time),
        mock.patch.object(time, "perf_counter", time.process_time),
    ):
        yield

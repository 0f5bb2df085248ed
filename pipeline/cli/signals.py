"""Signals that end a command in good order."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)
"""What Ctrl-C and service managers send."""

SLICE = 0.1
"""Seconds after which a wait looks whether a signal has come. No lock or event is used: its handler
may run in the middle of one."""


class StopSignal:
    """Tells whether a signal to stop has come."""

    def __init__(self) -> None:
        self.is_set = False

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than until a signal comes."""
        end = time.monotonic() + seconds
        while not self.is_set and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, SLICE))


@contextmanager
def stop_signal() -> Iterator[StopSignal]:
    """Give what tells of the first Ctrl-C or SIGTERM. The second one acts as it does otherwise."""
    stop, before = StopSignal(), {number: signal.getsignal(number) for number in ENDING}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        stop.is_set = True
        restore()

    for number in ENDING:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        restore()

"""What a worker of a cluster keeps from share to share of a call, such as its model."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class KeptByWorker(Generic[T]):
    """What was made for the latest calls, by their tokens; of more than `most`, the oldest goes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[str, T] = {}
        self._guard = threading.Lock()
        """Held while something is made, so that the threads of a worker make it once."""

    def of(self, token: str, make: Callable[[], T]) -> T:
        """Return what was made for the call `token`; it is made if there is nothing."""
        with self._guard:
            if token not in self._kept:
                while len(self._kept) >= self._most:
                    del self._kept[next(iter(self._kept))]
                self._kept[token] = make()
            return self._kept[token]

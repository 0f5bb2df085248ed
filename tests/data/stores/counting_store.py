"""A store in memory that notes what it is asked for."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import fsspec

from data.stores.address import Address
from data.stores.object_mirror import ObjectMirror
from data.stores.object_store import ObjectStore

Up = Callable[..., ObjectMirror]
"""Puts a mirror of a store up."""


class CountingStore(ObjectStore):
    """Objects of a new bucket in memory."""

    def __init__(self, **objects: bytes) -> None:
        super().__init__(fsspec.filesystem("memory"))
        self.place = Address("memory", f"bucket-{uuid4().hex}")
        self.reads: list[str] = []
        self.writes: list[str] = []
        self.seconds = 0.0
        """How long a request takes."""
        self.most_at_once = 0
        self._at_once = 0
        self._guard = threading.Lock()
        for key, data in objects.items():
            self.put(key, data)

    def put(self, key: str, data: bytes) -> None:
        """Write an object behind our back."""
        self.files.pipe_file(f"{self.place.key}/{key}", data)

    def get(self, key: str) -> bytes:
        """Read an object behind our back."""
        data: bytes = self.files.cat_file(f"{self.place.key}/{key}")
        return data

    @property
    def keys(self) -> set[str]:
        """The keys of all objects."""
        return set(self.found(self.place))

    def read(self, address: Address, size: int) -> bytes:
        """Note and read an object."""
        with self._guard:
            self.reads.append(address.key[len(self.place.key) + 1 :])
            self._at_once += 1
            self.most_at_once = max(self._at_once, self.most_at_once)
        time.sleep(self.seconds)
        with self._guard:
            self._at_once -= 1
        return super().read(address, size)

    def write(self, address: Address, data: bytes, *, is_new: bool = False) -> None:
        """Note and write an object."""
        time.sleep(self.seconds)
        with self._guard:
            self.writes.append(address.key[len(self.place.key) + 1 :])
        super().write(address, data, is_new=is_new)


def blocks(folder: Path) -> int:
    """Return the bytes that the files in a folder take on the disk."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.01)

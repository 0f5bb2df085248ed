"""Objects as files: fetched when they are read, those that come next before they are read."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePath
from typing import BinaryIO

from data.stores.holes import HOLE, SAME, make_hole, new_path, time_of
from data.stores.object_store import Entry

MOST_BYTES = 2**30
"""Bytes of objects that stay on the disk, besides those that are pinned."""

FETCHERS = 16
"""Objects that are fetched at once."""

AHEAD = 32
"""Objects after the one that is read that are fetched before they are asked for."""

MOST_BYTES_AHEAD = MOST_BYTES // 4
"""Most bytes of these."""


class Fetcher:
    """The objects of a folder of holes."""

    def __init__(
        self, root: Path, entries: Mapping[str, Entry], read: Callable[[str], bytes]
    ) -> None:
        """Fetch nothing yet.

        Args:
            root: the folder.
            entries: the objects, by their paths in it; they are asked for whenever one is read.
            read: returns the content of one; called in threads.
        """
        self.root, self.entries, self.read = root, entries, read
        self.lock = threading.RLock()
        """Held while a file takes the place of another."""
        self._kept: OrderedDict[str, int] = OrderedDict()
        """Sizes of files that may become holes again, the one used longest ago first."""
        self._num_bytes = 0
        self._coming: dict[str, Future[None]] = {}
        self._order: Sequence[str] = ()
        self._places: Mapping[str, int] = {}
        self._is_told = False
        """Whether the order is one that was told, and not that of the names."""
        self.expect(sorted(entries), is_told=False)
        self._pool = ThreadPoolExecutor(FETCHERS, "fetching")

    def expect(self, keys: Sequence[str], *, is_told: bool = True) -> None:
        """Fetch ahead in this order from now on; if it is not told, only what is of one kind."""
        places = {key: i for i, key in enumerate(keys)}
        with self.lock:
            self._order, self._places, self._is_told = keys, places, is_told

    def opened(self, key: str) -> BinaryIO:
        """Return the file of an object, open for reading, once it is fetched.

        Raises:
            InputError: the object cannot be read.
            OSError: the file cannot.
        """
        path = self.root / key
        while True:
            with self.lock:
                coming = self._start(key) if self._is_hole(key) else None
                self._start_next(key)
                if coming is None:
                    if key in self._kept:
                        self._kept.move_to_end(key)
                    return path.open("rb")
            coming.result()

    def pin(self, key: str) -> None:
        """Fetch an object and let it stay.

        Raises:
            InputError: the object cannot be read.
        """
        if (self.root / key).exists():
            self.opened(key).close()
        self.forget(key)

    def replace(self, partial: Path, key: str) -> None:
        """Put the file `partial` into the place of an object; it stays until `keep`.

        Raises:
            OSError: it cannot be put there.
        """
        with self.lock:
            self.forget(key)
            partial.replace(self.root / key)

    def keep(self, key: str, size: int) -> None:
        """Let a file of `size` bytes that is the same as its object become a hole one day."""
        if key.rpartition("/")[2].startswith("."):
            return  # such as records, which are open
        with self.lock:
            self.forget(key)
            self._kept[key] = size
            self._num_bytes += size
            while self._num_bytes > MOST_BYTES and len(self._kept) > 1:
                oldest, num_bytes = self._kept.popitem(last=False)
                self._num_bytes -= num_bytes
                self._empty(oldest)

    def forget(self, key: str) -> None:
        """Let the file of an object stay."""
        with self.lock:
            self._num_bytes -= self._kept.pop(key, 0)

    def close(self) -> None:
        """Wait for what is being fetched, and fetch no more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _is_hole(self, key: str) -> bool:
        return key in self.entries and time_of(self.root / key) == HOLE

    def _start(self, key: str) -> Future[None]:
        """Return the fetching of an object, which is begun if it was not."""
        if key not in self._coming:
            self._coming[key] = self._pool.submit(self._fetch, key)
        return self._coming[key]

    def _start_next(self, key: str) -> None:
        """Begin to fetch what comes after an object."""
        place, num_bytes = self._places.get(key), 0
        if place is None:
            return
        for i in range(place + 1, min(place + 1 + AHEAD, len(self._order))):
            after = self._order[i]
            if after not in self.entries or not (self._is_told or _kind(after) == _kind(key)):
                continue
            num_bytes += self.entries[after].size
            if num_bytes > MOST_BYTES_AHEAD:
                return
            if after not in self._coming and self._is_hole(after):
                self._start(after)

    def _fetch(self, key: str) -> None:
        """Fetch an object into its file.

        Raises:
            InputError: the object cannot be read.
            OSError: the file cannot be written.
        """
        partial = new_path(self.root)
        try:
            data = self.read(key)
            partial.write_bytes(data)
            os.utime(partial, ns=(SAME, SAME))
            with self.lock:
                if self._is_hole(key):  # and was not written meanwhile
                    partial.replace(self.root / key)
                    self.keep(key, len(data))
        finally:
            with self.lock:
                self._coming.pop(key, None)
            partial.unlink(missing_ok=True)

    def _empty(self, key: str) -> None:
        """Make a hole of a file that is the same as its object; whoever has it open keeps it."""
        path, hole = self.root / key, new_path(self.root)
        if time_of(path) == SAME:
            make_hole(hole, self.entries[key].size)
            hole.replace(path)


def _kind(key: str) -> str:
    """Return the ending of a name; that of a hidden file is all of it."""
    name = key.rpartition("/")[2]
    return name if name.startswith(".") else PurePath(name).suffix

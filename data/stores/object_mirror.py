"""A folder on this disk that stands for an address of an object store.

Each object has a file of its size in the folder, without content (`data.stores.holes`). When it is
read, the object is fetched, and so are those after it. When it is written, it is uploaded. What is
fetched or uploaded stays for a while, and then becomes a hole again. So a folder of any size takes
little space.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from data import mirrors
from data.stores.address import Address
from data.stores.etag_table import EtagTable
from data.stores.fetching import Fetcher
from data.stores.holes import make_hole, new_path
from data.stores.object_store import Entry, ObjectStore
from data.stores.uploading import Uploader

log = logging.getLogger(__name__)

LONGEST_NAME = 255
"""Most bytes of a file's name on disk."""


class ObjectMirror:
    """The objects of an address as files."""

    def __init__(
        self,
        address: Address,
        root: Path,
        store: ObjectStore,
        listed: Mapping[str, Entry],
        *,
        only: str | None = None,
    ) -> None:
        """Make a file without content for each object.

        Args:
            address: what the folder stands for.
            root: the folder, empty and without symbolic links.
            store: the store of `address`.
            listed: the objects, by their keys after the address and a slash.
            only: the only object that counts, by its name; others are not touched.

        Raises:
            OSError: a file cannot be made.
        """
        self.place, self.root, self.store, self.only = address, root, store, only
        self.is_written = False
        """Whether what is left is uploaded at the end, and objects removed whose files are gone."""
        self.entries = _with_a_place(listed, address)
        self._etags: EtagTable | None = None
        for key, entry in self.entries.items():
            make_hole(root / key, entry.size)
        self._fetcher = Fetcher(root, self.entries, self._read)
        self._uploader = Uploader(root, self.entries, self._write, self._remove)

    @property
    def address(self) -> str:
        """The address as text."""
        return str(self.place)

    def path_of(self, address: Address) -> Path:
        """Return the path of an object or a folder in this one."""
        return self.root / address.key[len(self.place.key) + 1 :]

    def opened(self, path: Path) -> BinaryIO:
        """Return the object at `path`, open for reading; see `data.mirrors.opened`."""
        return self._fetcher.opened(self._key(path))

    def pin(self, path: Path) -> None:
        """Fetch the object at `path`, which then stays; see `data.mirrors.pin`."""
        self._fetcher.pin(self._key(path))

    def expect(self, paths: Iterable[Path]) -> None:
        """Fetch ahead in the order of `paths` from now on; see `data.mirrors.expect`."""
        self._fetcher.expect([self._key(path) for path in paths])

    def replace(self, partial: Path, path: Path, *, waits: bool) -> None:
        """Rename `partial` to `path` and upload it; see `data.mirrors.replace`."""
        key = self._key(path)
        self._fetcher.replace(partial, key)
        if self.only in (None, key):
            self._uploader.put(key, waits=waits)

    def create(self, path: Path) -> bool:
        """Upload the file at `path` unless there is an object; see `data.mirrors.create`."""
        key = self._key(path)
        try:
            self.store.write(self._at(key), path.read_bytes(), is_new=True)
        except FileExistsError:
            entry = self.store.found(self._at(key))[""]
            hole = new_path(self.root)
            make_hole(hole, entry.size)
            self.entries[key] = entry
            self._fetcher.replace(hole, key)
            return False
        self.entries[key] = Entry(path.stat().st_size)
        return True

    def sha256(self, path: Path) -> str | None:
        """Return the SHA-256 of the object at `path` if it is known from its ETag."""
        entry = self.entries.get(self._key(path))
        return None if self._etags is None or entry is None else self._etags.get(entry.etag)

    def remember(self, etags: EtagTable) -> None:
        """Keep the hashes of objects in `etags`, and take those that are there for known."""
        self._etags = etags

    @contextmanager
    def up(self) -> Iterator[None]:
        """Let the files stand for the objects until the block ends; then upload what is left.

        Raises:
            OSError: something cannot be uploaded; it names the object.
        """
        with (
            mirrors.put_up(self),
            closing(self._fetcher),
            self._uploader.running(lambda: self.is_written),
        ):
            yield

    def _at(self, key: str) -> Address:
        return Address(self.place.scheme, f"{self.place.key}/{key}")

    def _key(self, path: Path) -> str:
        return str(path.relative_to(self.root))

    def _read(self, key: str) -> bytes:
        entry = self.entries[key]
        data = self.store.read(self._at(key), entry.size)
        if self._etags is not None and entry.etag:
            self._etags.add(data, entry.etag)
        return data

    def _write(self, key: str, data: bytes) -> None:
        if self.only not in (None, key):
            return
        self.store.write(self._at(key), data)
        self.entries[key] = Entry(len(data))
        self._fetcher.keep(key, len(data))
        if self._etags is not None:
            self._etags.add(data)

    def _remove(self, key: str) -> None:
        self.store.remove(self._at(key))
        self.entries.pop(key, None)


def _with_a_place(listed: Mapping[str, Entry], address: Address) -> dict[str, Entry]:
    """Return those objects that can be files in a folder; say which cannot."""
    # Some programs make an object of a folder, with a slash at its end.
    keys = sorted(key for key in listed if key and not key.endswith("/"))
    folders = {folder for key in keys for folder in _above(key)}
    odd = {key for key in keys if key in folders or not has_place(key)}
    if odd:
        log.warning(
            "passed over in %s: %d objects whose keys are no paths on disk, such as %r",
            address,
            len(odd),
            min(odd),
        )
    return {key: listed[key] for key in keys if key not in odd}


def has_place(key: str) -> bool:
    """Whether a file can be called like the object `key`, in the folder that it should be in."""
    return "\0" not in key and all(
        part not in ("", ".", "..") and len(os.fsencode(part)) <= LONGEST_NAME
        for part in key.split("/")
    )


def _above(key: str) -> Iterator[str]:
    """Yield the folders above an object."""
    while "/" in key:
        key = key.rpartition("/")[0]
        yield key

"""A whole folder of this disk to an address: its mark comes last, so without it none is there."""

import hashlib
from contextlib import closing
from pathlib import Path

from data.stores.address import Address
from data.stores.object_store import Entry, ObjectStore
from data.stores.uploading import UPLOADERS, turn_of
from data.threads import map_threads, raise_first


def publish(folder: Path, address: Address, store: ObjectStore) -> None:
    """Make the objects at an address those of a folder; what is there already is not sent again.

    A mark in the folder itself, such as its zarr.json, is removed first and sent last.

    Args:
        folder: the folder, without symbolic links.
        address: where it goes.
        store: the store of `address`.

    Raises:
        InputError: objects cannot be listed.
        OSError: something cannot be read or written; it names the file or the object.
    """
    files = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    found = store.found(address)

    def at(key: str) -> Address:
        return Address(address.scheme, f"{address.key}/{key}")

    def send(key: str) -> None:
        if turn_of(key) == 2 or not _is_same(files[key], found.get(key)):
            store.write(at(key), files[key].read_bytes())

    others = found.keys() - files.keys() - {""}
    for key in sorted(others | {key for key in found if turn_of(key) == 2}):
        store.remove(at(key))
    for turn in (0, 1, 2):
        chosen = [key for key in sorted(files) if turn_of(key) == turn]
        with closing(raise_first(map_threads(send, chosen, UPLOADERS))) as sent:
            for _ in sent:
                pass


def _is_same(path: Path, entry: Entry | None) -> bool:
    """Whether an object is known to have the content of a file.

    On stores whose ETags are no MD5 it never is.
    """
    if entry is None or entry.size != path.stat().st_size:
        return False
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == entry.etag

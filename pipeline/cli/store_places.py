"""Addresses of object stores on the command line: which commands take them, and as which files."""

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError
from data.folders import counted
from data.stores.address import Address, is_address

if TYPE_CHECKING:
    from data.stores.object_mirror import ObjectMirror
    from data.stores.object_store import Entry, ObjectStore

log = logging.getLogger(__name__)

COMMANDS = ("predict", "evaluate", "train-coarse", "make-patches", "train-refiner")
"""Commands that take addresses."""


class StorePlaces:
    """The addresses of a command, as folders and files on this disk."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._spool: Path | None = None
        self._stores: dict[str, ObjectStore] = {}
        self._mirrors: list[ObjectMirror] = []

    def read(self, path: Path) -> Path:
        """Return where the object or the folder at `path` is read; a path on disk as it is.

        Raises:
            InputError: there is nothing at the address, or it cannot be listed.
        """
        address = Address.parse(path)
        if address is None:
            return path
        return self._mirror(address, _check_there).path_of(address)

    def written(self, path: Path) -> Path:
        """Return the folder for what goes to the folder at `path`; one on disk as it is.

        Raises:
            InputError: it cannot be listed, its bucket is missing, or it is an object.
        """
        address = Address.parse(path)
        if address is None:
            return path
        mirror = self._mirror(address, _check_folder)
        mirror.is_written = True
        return mirror.path_of(address)

    def file(self, path: Path | None) -> Path | None:
        """Return the file for what goes to the object at `path`; one on disk, or None, as it is.

        Raises:
            InputError: it cannot be looked for, its bucket is missing, or it is a folder.
        """
        address = None if path is None else Address.parse(path)
        if address is None:
            return path
        found = self._store(address).found(address)
        if found.keys() - {""} or address.key == address.bucket:
            raise InputError(f"{address} is a folder; name a file")
        mirror = self._new(address, found, is_object=True)
        mirror.is_written = True
        return mirror.path_of(address)

    def published(
        self, path: Path | None, mark: str
    ) -> tuple[Path | None, Callable[[Path], None] | None]:
        """Return where a folder is read that is whole, and else what puts it there.

        A path on disk, or None, is returned as it is. A folder that was put there is removed from
        this disk.

        Args:
            path: the folder.
            mark: name of the file in it that is there if it is whole.

        Raises:
            InputError: it cannot be listed, its bucket is missing, or it is an object.
        """
        address = None if path is None else Address.parse(path)
        if address is None:
            return path, None
        store = self._store(address)
        found = store.found(address)
        _check_folder(address, found)
        if mark in found:
            return self.read(Path(str(address))), None
        from data.stores.publishing import publish

        def put(folder: Path) -> None:
            log.info("uploading to %s", address)
            publish(folder, address, store)
            shutil.rmtree(folder)

        return None, put

    def remember(self, out: Path) -> None:
        """Keep hashes of objects in the folder `out`, so that the next call need not read them."""
        if not self._mirrors:
            return
        from data.stores.etag_table import TABLE, EtagTable

        table = EtagTable(out / TABLE)
        for mirror in self._mirrors:
            mirror.remember(table)

    def _mirror(
        self, address: Address, check: "Callable[[Address, Mapping[str, Entry]], None]"
    ) -> "ObjectMirror":
        """Return the mirror of a folder that has all objects at an address, or a new one.

        What is found for a new one is checked first.
        """
        for mirror in self._mirrors:
            if mirror.only is None and mirror.place.holds(address):
                return mirror
        found = self._store(address).found(address)
        check(address, found)
        return self._new(address, found)

    def _new(
        self, address: Address, found: "Mapping[str, Entry]", *, is_object: bool = False
    ) -> "ObjectMirror":
        from data.stores.object_mirror import ObjectMirror
        from data.stores.spool import spool

        if self._spool is None:
            self._spool = self._stack.enter_context(spool())
        only = address.name if is_object or "" in found else None
        listed = {only: found[""]} if only and "" in found else found
        place = address if only is None else address.folder
        # The folder is called like the address, because reports and messages show its name.
        root = self._spool / str(len(self._mirrors)) / place.name
        root.mkdir(parents=True)
        log.info("%s: %s", address, counted(len(listed), "object"))
        mirror = ObjectMirror(place, root, self._store(address), listed, only=only)
        self._stack.enter_context(mirror.up())
        self._mirrors.append(mirror)
        return mirror

    def _store(self, address: Address) -> "ObjectStore":
        from data.stores.object_store import ObjectStore

        if address.scheme not in self._stores:
            self._stores[address.scheme] = ObjectStore.of(address)
        return self._stores[address.scheme]


def _check_there(address: Address, found: "Mapping[str, Entry]") -> None:
    if not found:
        raise InputError(f"no such object or folder: {address}")


def _check_folder(address: Address, found: "Mapping[str, Entry]") -> None:
    if "" in found:
        raise InputError(f"{address} is an object; name a folder")


@contextmanager
def store_places() -> Iterator[StorePlaces]:
    """Give what takes addresses for a command; at the end, all is uploaded.

    Raises:
        OSError: something cannot be uploaded; it names the object.
    """
    with ExitStack() as stack:
        yield StorePlaces(stack)


def check_command(arguments: Sequence[str]) -> None:
    """Raise if a command is given an address that takes none.

    Raises:
        InputError: it is.
    """
    found = [
        text
        for text in arguments
        if is_address(text.rpartition("=")[2]) and not text.rpartition("=")[2].startswith("http")
    ]
    command = next((text for text in arguments if not text.startswith("-")), "")
    if found and command not in COMMANDS:
        raise InputError(
            f"{command} takes no addresses of object stores, such as {found[0]}: copy what is "
            f"there to a folder. Commands that do are {', '.join(COMMANDS)}"
        )


def refuse(places: "Mapping[str, Path | str | None]") -> None:
    """Raise if an address is given where only a path on disk can be.

    Args:
        places: what is given, by its name on the command line.

    Raises:
        InputError: one of them is an address.
    """
    for name, place in places.items():
        if place is not None and (address := Address.parse(place)) is not None:
            raise InputError(f"{name} is on this disk, and {address} is an address")

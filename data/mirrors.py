"""Folders that stand for addresses of object stores, and what reading and writing do there.

A mirror has an empty file in the place of each object. `data.files` calls the functions below
whenever it reads or writes a file: in a mirror the content is fetched first, or uploaded
afterwards; elsewhere they do nothing. So the rest of the code works with paths alone.
`data.stores` has the mirrors; commands put them up for as long as they run.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol


class Mirror(Protocol):
    """A folder that stands for an address."""

    @property
    def root(self) -> Path:
        """The folder, without symbolic links."""

    @property
    def address(self) -> str:
        """What it stands for, such as s3://bucket/photos."""

    def opened(self, path: Path) -> BinaryIO:
        """Return the object at `path`, open for reading."""

    def pin(self, path: Path) -> None:
        """Fetch the object at `path`, which then stays until the end."""

    def replace(self, partial: Path, path: Path, *, waits: bool) -> None:
        """Rename the file `partial` to `path`, and upload it."""

    def create(self, path: Path) -> bool:
        """Upload the file at `path`, unless there is an object already, which is fetched then."""

    def expect(self, paths: Iterable[Path]) -> None:
        """Fetch these objects ahead, in this order, once the first of them is read."""

    def sha256(self, path: Path) -> str | None:
        """Return the SHA-256 of the object at `path`, if it is known without reading it."""


_mirrors: list[Mirror] = []
_addresses: dict[str, str] = {}
"""Addresses by the mirrors' folders, those of the past included: messages may still name them."""


@contextmanager
def put_up(mirror: Mirror) -> Iterator[None]:
    """Let files in the folder of `mirror` be fetched and uploaded until the block ends."""
    _mirrors.append(mirror)
    _addresses[str(mirror.root)] = mirror.address
    try:
        yield
    finally:
        _mirrors.remove(mirror)


def mirror_of(path: Path) -> Mirror | None:
    """Return the mirror that `path` lies in, if it lies in one."""
    return next((m for m in _mirrors if path.is_relative_to(m.root)), None)


def opened(path: Path) -> BinaryIO | None:
    """Return the file at `path`, open for reading, if it lies in a mirror.

    Raises:
        InputError: the object cannot be read.
    """
    mirror = mirror_of(path)
    return None if mirror is None else mirror.opened(path)


def pin(path: Path) -> None:
    """Let the file at `path` have its content until the end, whoever reads it.

    Raises:
        InputError: the object cannot be read.
    """
    mirror = mirror_of(path)
    if mirror is not None:
        mirror.pin(path)


def replace(partial: Path, path: Path, *, waits: bool) -> None:
    """Rename the file `partial` to `path`, and upload it if that lies in a mirror.

    Args:
        partial: a whole file.
        path: where it belongs.
        waits: whether the object must be there when this returns.

    Raises:
        OSError: it cannot be renamed or uploaded, or another one before could not be uploaded; it
            names the object.
    """
    mirror = mirror_of(path)
    if mirror is None:
        partial.replace(path)
    else:
        mirror.replace(partial, path, waits=waits)


def create(path: Path) -> bool:
    """Upload the file at `path`, which is new; return whether there was no such object before.

    Raises:
        OSError: it cannot be uploaded; it names the object.
    """
    mirror = mirror_of(path)
    return True if mirror is None else mirror.create(path)


def expect(paths: Iterable[Path]) -> None:
    """Say which files will be read, in this order, so that they are fetched ahead."""
    by_mirror: dict[int, list[Path]] = {}
    if _mirrors:
        for path in paths:
            by_mirror.setdefault(id(mirror_of(path)), []).append(path)
    for mirror in _mirrors:
        if id(mirror) in by_mirror:
            mirror.expect(by_mirror[id(mirror)])


def sha256(path: Path) -> str | None:
    """Return the SHA-256 of the file at `path` if a store tells it; None if it has to be read."""
    mirror = mirror_of(path)
    return None if mirror is None else mirror.sha256(path)


def with_addresses(text: str) -> str:
    """Return a message with addresses in place of the paths of mirrors."""
    for root, address in _addresses.items():
        text = text.replace(root, address)
    return text

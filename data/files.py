"""Reading with errors that name the file, writing files completely or not at all.

A file is written under a temporary name, on which its writer holds a lock, and is then renamed. So
whoever finds such a file can tell whether it is being written or was left behind.

In a folder that stands for an address of an object store (`data.mirrors`), a file is fetched before
it is read, and uploaded once it is whole.
"""

import errno
import fcntl
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from data import mirrors
from data.errors import InputError

PARTIAL = re.compile(r"\.[0-9a-f]{16}\.partial")
"""Names of the temporary files that `replacing` makes."""


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open the file at `path` to read its bytes.

    Raises:
        InputError: there is no such file, it may not be read, or it is a pipe or device among
            files, from which nothing may ever come.
    """
    try:
        # A pipe that nobody writes to would block. What a shell hands over lies in /dev.
        if path.parts[:2] not in (("/", "dev"), ("/", "proc")):
            _check_regular(path)
        file = mirrors.opened(path) or path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        yield file


def read_bytes(path: Path, max_bytes: int | None = None) -> bytes:
    """Return the content of the file at `path`.

    Args:
        path: the file.
        max_bytes: most bytes that it may have.

    Raises:
        InputError: there is no such file, it cannot be read, or it has more than `max_bytes`.
    """
    with reading(path) as file:
        try:
            data = file.read() if max_bytes is None else file.read(max_bytes + 1)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if max_bytes is not None and len(data) > max_bytes:
        raise InputError(f"{path} has more than {max_bytes} bytes")
    return data


def prepare(path: Path) -> None:
    """Make the folder for the file `path`, and check that a file can be written there.

    What killed processes left behind in that folder is removed.

    For commands that write a file after long work, so that they fail before it.

    Raises:
        InputError: `path` is a folder.
        OSError: nothing can be written there.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file")
    if is_special(path):
        return
    folder = path.resolve().parent
    folder.mkdir(parents=True, exist_ok=True)
    remove_partials(folder)
    with tempfile.TemporaryFile(dir=folder):
        pass  # or an OSError, which says why


@contextmanager
def replacing(path: Path, *, is_durable: bool = True, place: Path | None = None) -> Iterator[Path]:
    """Give a temporary path, which replaces `path` if the block does not raise.

    If `path` is a symbolic link, the file that it points to is replaced. For a device or a pipe,
    such as /dev/stdout, `path` itself is given: it is not replaced.

    Args:
        path: the file.
        is_durable: whether the new content must be on the disk, where a power cut does not lose it,
            before anything that is written afterwards. Files that the next call checks and makes
            again do not need it.
        place: folder on the same disk for the temporary file; by default that of `path`.

    Raises:
        OSError: nothing can be written there; it names `path`.
    """
    if is_special(path):
        yield path
        return
    if path.is_symlink():
        path, place = path.resolve(), None  # which may be on another disk
    with errors_name(path), _held_partial(place or path.parent) as partial:
        yield partial
        if is_durable:
            _sync(partial)
        mirrors.replace(partial, path, waits=is_durable)
        if is_durable:
            _sync(path.parent)


@contextmanager
def errors_name(path: Path) -> Iterator[None]:
    """Name `path` in an error of the system that names no file, or only a temporary one.

    Writing to an open file names none.
    """
    try:
        yield
    except OSError as error:
        name = "" if error.filename is None else Path(os.fsdecode(error.filename)).name
        if error.errno is not None and (not name or PARTIAL.fullmatch(name)):
            error.filename, error.filename2 = str(path), None
        raise


def create(path: Path, data: bytes, place: Path | None = None) -> bool:
    """Write `data` to a new file, completely or not at all; return whether it was not there before.

    Of several processes that create a file at once, one does so, also where there are no locks.

    Args:
        path: the file.
        data: its content.
        place: folder on the same disk for a temporary file; by default that of `path`.

    Raises:
        OSError: nothing can be written there; it names `path`.
    """
    if path.exists():
        return False
    with _held_partial(place or path.parent) as partial:
        partial.write_bytes(data)
        _sync(partial)
        try:
            path.hardlink_to(partial)
        except FileExistsError:
            return False
        except OSError:  # some network drives have no links
            if path.exists():
                return False
            partial.replace(path)
        _sync(path.parent)
        return mirrors.create(path)


def write_bytes(
    path: Path, data: bytes, *, is_durable: bool = True, place: Path | None = None
) -> None:
    """Write `data` to `path`, completely or not at all; see `replacing`."""
    with replacing(path, is_durable=is_durable, place=place) as partial:
        partial.write_bytes(data)


def sync_folder(folder: Path) -> None:
    """Wait until all files in `folder` and below are on the disk."""
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def remove_partials(folder: Path) -> None:
    """Remove the temporary files that killed processes left in `folder`, if it exists.

    Those that another process or thread is writing at this moment stay.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        paths = [Path(entry.path) for entry in entries if PARTIAL.fullmatch(entry.name)]
        for path in paths:
            _remove_if_free(path)


def _remove_if_free(path: Path) -> None:
    """Remove the temporary file at `path`, unless its writer holds it or it cannot be told."""
    with suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(file)


@contextmanager
def _held_partial(folder: Path) -> Iterator[Path]:
    """Make a temporary file in `folder`, hold a lock on it, and remove it if it is still there.

    Raises:
        OSError: it cannot be made.
    """
    partial, file = _new_partial(folder)
    try:
        yield partial
    finally:
        with suppress(OSError):  # such as that its folder is gone
            partial.unlink(missing_ok=True)
        os.close(file)


def _new_partial(folder: Path) -> tuple[Path, int]:
    """Return a new temporary file in `folder`, and a descriptor that holds a lock on it."""
    while True:
        # Of fixed length: the name of the file that is written may have the maximal one already.
        partial = folder / f".{secrets.token_hex(8)}.partial"
        # Not made by tempfile, so that its permissions follow the umask. Reading the umask means
        # setting it, which is not safe with several threads.
        file = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        # Not lockf: closing any other descriptor of the file would give that lock up.
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_nlink:
            return partial, file
        os.close(file)  # `remove_partials` of another process came in between


def _sync(path: Path) -> None:
    """Wait until the content of the file or folder at `path` is on the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot
            raise
    finally:
        os.close(file)


def _check_regular(path: Path) -> None:
    """Raise if there is a pipe, a socket or a device at `path`.

    Raises:
        InputError: there is.
        OSError: there is nothing.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(f"{path} cannot be read: it is a pipe, a socket or a device, and no file")


def is_special(path: Path) -> bool:
    """Whether there is a device, a pipe or a socket at `path`."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)

"""Reading with errors that name the file, writing files completely or not at all, locks."""

import fcntl
import os
import re
import secrets
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from data.errors import InputError

PARTIAL = re.compile(r"\.[0-9a-f]{16}\.partial")
"""Names of the temporary files that `replacing` makes."""

_held: set[Path] = set()
"""Locks that this process holds; `_guard` is held to look at them."""
_guard = threading.Lock()


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open the file at `path` to read its bytes.

    Raises:
        InputError: there is no such file, it may not be read, or it is a pipe or device among
            files, from which nothing may ever come.
    """
    try:
        # A pipe that nobody writes to would block. What a shell hands over lies in /dev.
        if not path.is_absolute() or path.parts[1] not in ("dev", "proc"):
            _check_regular(path)
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        yield file


def read_bytes(path: Path) -> bytes:
    """Return the content of the file at `path`.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    with reading(path) as file:
        try:
            return file.read()
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error


def prepare(path: Path) -> None:
    """Make the folder for the file `path`, and check that a file can be written there.

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
    with tempfile.TemporaryFile(dir=folder):
        pass  # or an OSError, which says why


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, which replaces `path` if the block does not raise.

    If `path` is a symbolic link, the file that it points to is replaced. For a device or a pipe,
    such as /dev/stdout, `path` itself is given: it is not replaced.

    Raises:
        OSError: nothing can be written there; it names `path`.
    """
    if is_special(path):
        yield path
        return
    if path.is_symlink():
        path = path.resolve()
    # A name of fixed length, because the name of `path` may have the maximal length already.
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    # Not made by tempfile, so that its permissions follow the umask. Reading the umask means
    # setting it, which is not safe with several threads.
    try:
        partial.touch(exist_ok=False)
        yield partial
        partial.replace(path)
    except OSError as error:
        if error.filename in (None, str(partial), partial):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        with suppress(OSError):  # such as that its folder is gone
            partial.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, completely or not at all."""
    with replacing(path) as partial:
        partial.write_bytes(data)


def remove_partials(folder: Path) -> None:
    """Remove the temporary files that killed processes left in `folder`.

    Call it only while no other process can write there: see `locked`.
    """
    for path in folder.glob(".*.partial"):
        if PARTIAL.fullmatch(path.name):
            path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, message: str) -> Iterator[None]:
    """Hold the lock `path`, a file that is made if it is not there, against all others.

    Raises:
        InputError: another process, or another thread of this one, holds it; with `message`.
    """
    key = path.resolve()
    with _guard:
        # A lock of the system belongs to the process: a second one would succeed, and closing its
        # file would give up the first.
        if key in _held:
            raise InputError(message)
        _held.add(key)
    try:
        with path.open("w") as file:
            _lock(path, file, message)
            yield
    finally:
        with _guard:
            _held.discard(key)


def _lock(path: Path, file: TextIO, message: str) -> None:
    """Lock the open `file` at `path` against other processes.

    Raises:
        InputError: another process holds the lock, with `message`.
    """
    try:
        # Not flock, which a process that this one started would hold on to if this one is killed.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
            raise BlockingIOError  # whoever held it has removed the file meanwhile
    except (BlockingIOError, PermissionError) as error:
        raise InputError(message) from error


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
    return path.exists() and not path.is_file() and not path.is_dir()

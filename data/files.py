"""Reading with errors that name the file, writing files that are whole or not there, locks."""

import fcntl
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from data.errors import InputError

PARTIAL = re.compile(r"\.[0-9a-f]{16}\.partial")
"""Names of the temporary files that `replacing` makes."""


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open the file at `path` to read its bytes.

    Raises:
        InputError: there is no such file, or it may not be read.
    """
    try:
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

    For commands that write a file after long work: they fail before it.

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
    """Give a temporary path beside `path` that takes its place when the block ends well.

    A device or a pipe, such as /dev/stdout, is given itself: it is written to, not replaced.
    """
    if is_special(path):
        yield path
        return
    # Its name has a fixed length, since `path` may have the longest name that there can be.
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    # Created by name rather than by tempfile, for permissions as the umask says: to read the
    # umask is to set it, which no thread of several may do.
    partial.touch(exist_ok=False)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with replacing(path) as partial:
        partial.write_bytes(data)


def remove_partials(folder: Path) -> None:
    """Remove the temporary files that processes which were killed have left in `folder`.

    Whoever calls this must know that no other process writes there: see `locked`.
    """
    for path in folder.glob(".*.partial"):
        if PARTIAL.fullmatch(path.name):
            path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, message: str) -> Iterator[None]:
    """Hold the lock `path`, a file that is made if it is not there, against other processes.

    Raises:
        InputError: another process holds it, with `message`.
    """
    with path.open("w") as file:
        try:
            # Not flock, which a process that this one started would hold on to if this one is
            # killed.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
                raise BlockingIOError  # whoever held it has removed the file meanwhile
        except (BlockingIOError, PermissionError) as error:
            raise InputError(message) from error
        yield


def is_special(path: Path) -> bool:
    """Whether there is a device, a pipe or a socket at `path`."""
    return path.exists() and not path.is_file() and not path.is_dir()

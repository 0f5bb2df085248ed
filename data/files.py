"""Reading files with errors that name them, and writing files that are whole or not there."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from data.errors import InputError


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
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent):
        pass  # or an OSError, which says why


@contextmanager
def replacing_table(path: Path) -> Iterator[TextIO]:
    """Give a text file for `csv` that takes the place of `path` when the block ends well."""
    with (
        replacing(path) as partial,
        # Names of files need not be valid text.
        partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        yield file


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well."""
    # Of a length of its own, since `path` may have the longest name that there can be.
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    # Created by name rather than by tempfile, for permissions as the umask says: to read the
    # umask is to set it, which no thread of several may do.
    partial.touch(exist_ok=False)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

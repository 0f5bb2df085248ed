"""Files that are whole or not there."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from data.errors import InputError


def prepare(path: Path) -> None:
    """Make the folder that the file `path` is to be in, so that what fails does so before the work.

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
        # Names on disk need not be text.
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

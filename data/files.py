"""Files that are whole or not there, and folders that one command at a time writes to."""

import csv
import fcntl
import gzip
import io
import re
import secrets
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from data.errors import InputError

PARTIAL = re.compile(r"\.[0-9a-f]{16}\.partial")
"""Names of the temporary files that `replacing` makes."""

MAX_FIELD = sys.maxsize
"""Run lengths may be longer than other fields, for which `csv` has a limit of 128 KiB."""


def prepare(path: Path) -> None:
    """Make the folder that the file `path` is to be in, so that what fails does so before the work.

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


def prepare_table(path: Path, header: Sequence[str]) -> None:
    """Do what `prepare` does for a table, which takes the place of an earlier one but of no other.

    Args:
        path: the table to be.
        header: names of its first columns.

    Raises:
        InputError: `path` is a folder, or a file with something else in it.
        OSError: nothing can be written there.
    """
    prepare(path)
    if path.is_file() and not _is_table(path, header):
        raise InputError(
            f"{path} is not a table with the columns {', '.join(header)}, and would be "
            "overwritten by one; name another file"
        )


@contextmanager
def replacing_table(path: Path, header: Sequence[str]) -> Iterator[TextIO]:
    """Give a text file for `csv` that takes the place of `path` when the block ends well.

    A name that ends in `.gz` makes it a gzip file. Where `path` is a symbolic link, the file that
    it leads to is replaced.

    Args:
        path: the table.
        header: names of its first columns, which a table that is replaced must have too.

    Raises:
        InputError: there is something else at `path`.
    """
    prepare_table(path, header)
    target = path if is_special(path) else path.resolve()
    with (
        replacing(target) as partial,
        _writing(partial, is_packed=path.name.endswith(".gz")) as file,
        # Names on disk need not be text.
        io.TextIOWrapper(file, "utf-8", "surrogateescape", newline="") as text,
    ):
        yield text


def open_table(path: Path) -> TextIO:
    """Open the table at `path`, gzipped where its name ends in `.gz`, for `csv` to read."""
    csv.field_size_limit(MAX_FIELD)
    encoding, errors = "utf-8", "surrogateescape"
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding=encoding, errors=errors, newline="")
    return path.open(encoding=encoding, errors=errors, newline="")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well.

    A device or a pipe, such as /dev/stdout, is given itself: it is written to, not replaced.
    """
    if is_special(path):
        yield path
        return
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
        except (BlockingIOError, PermissionError) as error:
            raise InputError(message) from error
        yield


def is_special(path: Path) -> bool:
    """Whether there is a device, a pipe or a socket at `path`."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _is_table(path: Path, header: Sequence[str]) -> bool:
    """Whether the file at `path` is empty, or a table that begins with the columns `header`."""
    if not path.stat().st_size:
        return True
    try:
        with open_table(path) as file:
            first = next(csv.reader([file.readline(1000)]), [])
    except (OSError, EOFError, zlib.error, csv.Error):
        return False
    return first[: len(header)] == list(header)


@contextmanager
def _writing(path: Path, *, is_packed: bool) -> Iterator[BinaryIO]:
    """Open `path` to write to it, compressed if it is to be."""
    with path.open("wb") as raw:
        if not is_packed:
            yield raw
            return
        # Without name and time, so that the same rows make the same file.
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
            yield packed  # type: ignore[misc]

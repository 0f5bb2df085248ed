"""Tables on disk: csv files, perhaps gzipped. They are written completely or not at all.

A table overwrites only an earlier table with the same columns.
"""

import csv
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from data.errors import InputError
from data.files import is_special, prepare, reading, replacing
from data.locks import locked


def prepare_table(path: Path, header: Sequence[str]) -> None:
    """Do the same as `data.files.prepare`, and check that no other file would be overwritten.

    Args:
        path: the table that will be written.
        header: names of its first columns.

    Raises:
        InputError: `path` is a folder, or a file with something else in it.
        OSError: nothing can be written there.
    """
    prepare(path)
    if path.is_file() and not _is_table(path, header):
        raise InputError(
            f"{path} is not a table with the columns {', '.join(header)}, and would be "
            "overwritten by one; name another file, or was its name forgotten?"
        )


@contextmanager
def replacing_table(path: Path, header: Sequence[str]) -> Iterator[TextIO]:
    """Give a text file for `csv`, which replaces `path` if the block does not raise.

    If the name ends in `.gz`, the file is compressed by gzip. If `path` is a symbolic link, the
    file that it points to is replaced. Hold `reserved` meanwhile, or several writers replace each
    other's tables.

    Args:
        path: the table.
        header: names of its first columns; a table that is replaced must have them too.

    Raises:
        InputError: `path` is a folder or another file.
    """
    prepare_table(path, header)
    target = path if is_special(path) else path.resolve()
    with (
        replacing(target) as partial,
        _writing(partial, is_packed=path.name.endswith(".gz")) as file,
        # Names of files need not be valid text.
        io.TextIOWrapper(file, "utf-8", "surrogateescape", newline="") as text,
    ):
        yield text


@contextmanager
def reserved(path: Path | None) -> Iterator[None]:
    """Keep others from writing the table `path` until the block ends, that is, during all work.

    Args:
        path: the table, in a folder that exists; None where none is written.

    Raises:
        InputError: another command is going to write it.
    """
    if path is None or is_special(path):
        yield
        return
    target = path.resolve()
    # Of fixed length, because the name of the table may have the maximal length already.
    name = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
    busy = f"another command is going to write {path}; wait for it, or name another file"
    with locked(target.with_name(f".{name}.lock"), busy, is_removed=True):
        yield


@contextmanager
def open_table(path: Path) -> Iterator[TextIO]:
    """Open the table at `path` to read it, gzipped where its name ends in `.gz`.

    Raises:
        InputError: it cannot be opened.
    """
    with reading(path) as raw:
        file: Any = gzip.GzipFile(fileobj=raw) if path.name.endswith(".gz") else raw
        with io.TextIOWrapper(file, "utf-8", "surrogateescape") as text:
            yield text


def _is_table(path: Path, header: Sequence[str]) -> bool:
    """Whether the file at `path` is empty, or a table that begins with the columns `header`."""
    if not path.stat().st_size:
        return True
    try:
        with open_table(path) as file:
            first = next(csv.reader([file.readline(1000)]), [])
    except (OSError, EOFError, zlib.error, csv.Error, InputError):
        return False
    return first[: len(header)] == list(header)


@contextmanager
def _writing(path: Path, *, is_packed: bool) -> Iterator[BinaryIO]:
    """Open `path` for writing, compressed if `is_packed`."""
    with path.open("wb") as raw:
        if not is_packed:
            yield raw
            return
        # Without name and time, so that the same rows make the same file.
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
            yield packed  # type: ignore[misc]

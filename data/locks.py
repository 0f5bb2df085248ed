"""Locks between processes: files that one of them, or several that share it, hold at a time."""

import errno
import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from data.errors import InputError
from data.files import errors_name

log = logging.getLogger(__name__)

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
"""Numbers of an `OSError` where a disk has no locks."""

_held: set[Path] = set()
"""Locks that this process holds; `_guard` is held to look at them."""
_guard = threading.Lock()


@contextmanager
def locked(
    path: Path, message: str, *, is_removed: bool = False, is_shared: bool = False
) -> Iterator[None]:
    """Hold the lock `path`, a file that is made if it is not there, against all others.

    On a disk without locks, such as some network drives, others are not kept out; a warning says
    so.

    Args:
        path: the file.
        message: of the error.
        is_removed: whether the file is removed at the end.
        is_shared: whether other processes may hold it as well, if they share it too.

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
        # Opened for reading too, or it would wait for a reader if it were a pipe.
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "rb+", 0) as file:
            _lock(path, file, message, fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX)
            try:
                yield
            finally:
                if is_removed:
                    path.unlink(missing_ok=True)
    finally:
        with _guard:
            _held.discard(key)


def _lock(path: Path, file: IO[bytes], message: str, kind: int) -> None:
    """Lock the open `file` at `path` against other processes.

    Raises:
        InputError: another process holds the lock, with `message`.
        OSError: it cannot be locked; it names `path`.
    """
    try:
        # Not flock, which a process that this one started would hold on to if this one is killed.
        fcntl.lockf(file, kind | fcntl.LOCK_NB)
        if not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
            raise BlockingIOError  # whoever held it has removed the file meanwhile
    except (BlockingIOError, PermissionError) as error:
        raise InputError(message) from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            with errors_name(path):
                raise
        log.warning("%s cannot be locked: see that no two commands write there at once", path)

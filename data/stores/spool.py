"""Folders on this disk for what passes through; those of killed processes are removed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "foveamask-spool-"

LOCK = "lock"


@contextmanager
def spool() -> Iterator[Path]:
    """Give a new folder among the system's temporary files; it is removed when the block ends.

    Its path has no symbolic links. The environment variable TMPDIR says where it lies.

    Raises:
        OSError: it cannot be made.
    """
    base = Path(tempfile.gettempdir()).resolve()
    _remove_leftovers(base)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_leftovers(base: Path) -> None:
    """Remove the folders in `base` whose processes were killed."""
    for folder in base.glob(f"{PREFIX}*"):
        # Without a lock file it is being made at this moment, or not ours to look at.
        with suppress(OSError):
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)

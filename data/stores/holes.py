"""Files that take no space until they are fetched; the time of a file says what it is."""

import os
import secrets
from pathlib import Path

HOLE = 0
"""Time of a file without content, in nanoseconds."""
SAME = 10**9
"""Time of a file that is the same as its object. Any other time: written here, not uploaded."""


def make_hole(path: Path, size: int) -> None:
    """Make a new file of `size` bytes that takes no space, and the folders above it.

    Raises:
        OSError: it cannot be made.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        file = os.open(path, flags, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, flags, 0o666)
    try:
        os.ftruncate(file, size)
        os.utime(file, ns=(HOLE, HOLE))
    finally:
        os.close(file)


def time_of(path: Path) -> int | None:
    """Return the time of a file; None if it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def new_path(root: Path) -> Path:
    """Return a path for a temporary file beside the folder `root`."""
    return root.parent / f"{secrets.token_hex(8)}.passing"

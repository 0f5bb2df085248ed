"""Files that are whole or not there."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    # Created by name rather than by tempfile, for permissions as the umask says: to read the
    # umask is to set it, which no thread of several may do.
    partial.touch(exist_ok=False)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

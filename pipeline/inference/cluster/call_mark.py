"""The mark of a call: a file in its folder by which workers on other machines know it.

A worker that does not find the mark has another folder under the same path, or its call is over: a
new one may have begun, with another model. It writes nothing then.
"""

import errno
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from data.files import write_bytes
from pipeline.inference.manifest import CALL_MARK


@dataclass(frozen=True)
class CallMark:
    """The mark of a call in its folder."""

    folder: Path
    """The folder of the call, as an absolute path."""
    token: str
    """What no other call has."""

    @property
    def path(self) -> Path:
        """The file of the mark."""
        return self.folder / CALL_MARK

    def is_there(self) -> bool:
        """Whether the mark of this call is in the folder, on this machine."""
        with suppress(OSError):
            return self.path.read_text() == self.token
        return False

    def check(self) -> None:
        """Raise unless the mark is there.

        Raises:
            OSError: it is not. Unlike an `InputError`, it is no fault of one photo.
        """
        if not self.is_there():
            raise OSError(
                errno.ESTALE,
                f"{socket.gethostname()}, a machine of the cluster, does not have the folder of "
                "this call under its path; mount it there as it is here",
                str(self.folder),
            )


@contextmanager
def marked(folder: Path) -> Iterator[CallMark]:
    """Mark a call in `folder`, which it has locked, until the block ends."""
    mark = CallMark(folder.absolute(), secrets.token_hex(16))
    write_bytes(mark.path, mark.token.encode())
    try:
        yield mark
    finally:
        if mark.is_there():
            mark.path.unlink(missing_ok=True)

"""SHA-256 of objects by their ETags, kept so that what is done is not read again in the next call.

The ETag of an object changes with its content. That of an object which was uploaded in one piece is
the MD5 of its content on most stores, so it is known before the store tells it; where it is
something else, the object is read once more.
"""

import hashlib
import threading
from contextlib import suppress
from pathlib import Path

from data import mirrors

TABLE = ".foveamask.etags"
"""Its name in a folder of results: lines of an ETag and a SHA-256."""


class EtagTable:
    """The table of a folder; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Read the table at `path`, if there is one; other lines are ignored.

        Raises:
            InputError: it cannot be read.
        """
        self.path = path
        self._guard = threading.Lock()
        self._found: dict[str, str] = {}
        if path.is_file():
            mirrors.pin(path)
            for line in path.read_text("ascii", "replace").splitlines():
                etag, _, sha256 = line.partition(" ")
                if len(sha256) == 64:
                    self._found[etag] = sha256

    def get(self, etag: str) -> str | None:
        """Return the SHA-256 of the objects with an ETag, if it is known."""
        return self._found.get(etag) if etag else None

    def add(self, data: bytes, etag: str = "") -> None:
        """Note the hashes of an object's content.

        Args:
            data: the content.
            etag: its ETag; by default the MD5 of an object that is uploaded.
        """
        etag = etag or hashlib.md5(data, usedforsecurity=False).hexdigest()
        if not etag.replace("-", "").isalnum() or etag in self._found:
            return
        sha256 = hashlib.sha256(data).hexdigest()
        # A lost table costs time alone, and the folder may be gone or not made yet.
        with self._guard, suppress(OSError), self.path.open("a") as file:
            file.write(f"{etag} {sha256}\n")
            self._found[etag] = sha256

"""Files as objects: uploaded behind those who write them, marks and records last."""

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from data.stores.holes import HOLE, SAME, time_of

UPLOADERS = 8
"""Files that are uploaded at once."""

MOST_WAITING = 64
"""Files that wait for it; whoever writes more waits too."""

SECONDS_APART = 10.0
"""Seconds after which records are uploaded again; more if that takes more than a twentieth."""

LATE = ("index.html", "zarr.json")
"""Names of files without which a folder is unfinished, besides hidden ones."""

OURS_ALONE = (".lock", ".partial", ".partials")
"""Endings of names of files and folders that mean nothing elsewhere."""

Write = Callable[[str, bytes], None]


class Uploader:
    """Uploads the files of a folder."""

    def __init__(
        self, root: Path, known: Collection[str], write: Write, remove: Callable[[str], None]
    ) -> None:
        """Upload nothing yet.

        Args:
            root: the folder.
            known: paths in it of all objects that there are; asked for at the end.
            write: uploads the content of the file with this path.
            remove: removes an object.
        """
        self.root, self.known, self.write, self.remove = root, known, write, remove
        self._pool = ThreadPoolExecutor(UPLOADERS, "uploading")
        self._room = threading.Semaphore(MOST_WAITING)
        self._guards = [threading.Lock() for _ in range(UPLOADERS * 8)]
        """Held while a file is uploaded, so that its newest content is the last."""
        self._waiting: set[Future[None]] = set()
        self._failure: OSError | None = None
        self._next_time, self._records = time.monotonic() + SECONDS_APART, threading.Lock()

    def put(self, key: str, *, waits: bool) -> None:
        """Upload a file.

        Args:
            key: its path in the folder.
            waits: whether to return after that.

        Raises:
            OSError: it cannot be uploaded, or an earlier one could not.
        """
        if waits:
            # Records that were removed must never be beside a manifest of other results.
            self._remove_gone([k for k in list(self.known) if k.startswith(".")])
        future = self._submit(key)
        if waits:
            future.result()
        self._put_records()

    def finish(self) -> None:
        """Upload all that is left, and remove the objects whose files are gone.

        Raises:
            OSError: something cannot be uploaded.
        """
        self._wait()
        changed = sorted(self._changed())
        for turn in (0, 1, 2):
            for key in changed:
                if turn_of(key) == turn:
                    self._submit(key)
            self._wait()
        self._remove_gone(list(self.known))

    @contextmanager
    def running(self, finishes: Callable[[], bool]) -> Iterator[None]:
        """Upload until the block ends, and then all that is left if `finishes` says so.

        Raises:
            OSError: something cannot be uploaded.
        """
        try:
            yield
            if finishes():
                self.finish()
        except BaseException:
            if finishes():
                with suppress(OSError):  # of two errors, the first one is said
                    self._finish_early()
            raise
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _finish_early(self) -> None:
        """Upload what is left; after a failure only the records, so that little is done again.

        Raises:
            OSError: something cannot be uploaded.
        """
        if self._failure is None:
            self.finish()
            return
        with suppress(OSError):
            self._wait()
        self._failure = None
        for key in list(self._changed(self.root.glob(".*"))):
            self._submit(key).result()

    def _submit(self, key: str) -> Future[None]:
        """Begin to upload a file.

        Raises:
            OSError: an earlier one could not be uploaded.
        """
        if self._failure is not None:
            raise self._failure
        self._room.acquire()
        future = self._pool.submit(self._upload, key)
        self._waiting.add(future)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: Future[None]) -> None:
        self._waiting.discard(future)
        self._room.release()

    def _wait(self) -> None:
        """Wait for all that is being uploaded.

        Raises:
            OSError: something could not be.
        """
        for future in list(self._waiting):
            with suppress(OSError):
                future.result()
        if self._failure is not None:
            raise self._failure

    def _upload(self, key: str) -> None:
        """Upload the content that a file has now.

        Raises:
            OSError: it cannot be uploaded.
        """
        with self._guards[hash(key) % len(self._guards)]:
            if self._failure is not None:
                raise self._failure
            try:
                with (self.root / key).open("rb") as file:
                    before = os.fstat(file.fileno()).st_mtime_ns
                    data = file.read()
                    self.write(key, data)
                    if os.fstat(file.fileno()).st_mtime_ns == before:
                        os.utime(file.fileno(), ns=(SAME, SAME))
            except FileNotFoundError:
                return  # it was removed meanwhile
            except OSError as error:
                self._failure = error
                raise

    def _put_records(self) -> None:
        """Upload the records again if it is time to, so that a killed call loses few."""
        if time.monotonic() < self._next_time or not self._records.acquire(blocking=False):
            return
        try:
            began = time.monotonic()
            for key in list(self._changed(self.root.glob(".*"))):
                self._submit(key).result()
            took = time.monotonic() - began
            self._next_time = time.monotonic() + max(SECONDS_APART, 20 * took)
        finally:
            self._records.release()

    def _changed(self, paths: Iterator[Path] | None = None) -> Iterator[str]:
        """Yield the files that are not the same as their objects, by their paths in the folder."""
        for path in self.root.rglob("*") if paths is None else paths:
            key = str(path.relative_to(self.root))
            if any(part.endswith(OURS_ALONE) for part in key.split("/")):
                continue
            # Records may have grown while they were uploaded.
            known = (HOLE,) if path.name.startswith(".") else (HOLE, SAME)
            if path.is_file() and time_of(path) not in known:
                yield key

    def _remove_gone(self, keys: list[str]) -> None:
        """Remove those objects of `keys` whose files are gone.

        Raises:
            OSError: one cannot be removed.
        """
        for key in keys:
            if not (self.root / key).exists():
                self.remove(key)


def turn_of(key: str) -> int:
    """Return when a file is uploaded: 0 first, 2 last, as what says that the folder is whole."""
    folder, _, name = key.rpartition("/")
    return 1 + (not folder) if name in LATE or name.startswith(".") else 0

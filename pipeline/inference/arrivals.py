"""Photos that arrive in folders, told by looking again and again.

Looking works wherever files can be read, network drives included, where nobody is notified of what
other computers write. A photo has arrived once it has stopped growing, or at once if it was
complete before it got its name.
"""

import logging
import os
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from data.photo_files import PhotoFile, Tree, say_passed_over, search
from pipeline.inference.part import Part

log = logging.getLogger(__name__)

SETTLED_SECONDS = 2.0
"""How long size and times of a file must stay as they are before it counts as complete."""

RENAMED_SECONDS = 0.02
"""Least time from the last write to a file to its last change of any kind, such as a rename, for it
to count as complete at once. A write changes both times, the clocks of which are the same."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes with a file."""

    size: int
    written: int
    """Time of the last write, nanoseconds."""
    changed: int
    """Time of the last change: a write, a rename, other times or rights."""
    inode: int

    @property
    def is_complete(self) -> bool:
        """Whether the last that happened to the file was no write, but a rename or the like."""
        return self.size > 0 and self.changed - self.written > RENAMED_SECONDS * 1e9


@dataclass(slots=True)
class Sight:
    """A photo as it was last seen."""

    stamp: Stamp
    since: float
    """When it was first seen like this, by `time.monotonic`."""
    is_given: bool = False
    """Whether it was given to be worked on."""


class Arrivals:
    """The photos in some folders, and which of them are new."""

    def __init__(
        self,
        folders: Sequence[Path],
        out: Path,
        part: Part | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look for photos for the first time.

        Args:
            folders: the folders; photos may lie below them.
            out: folder of results, in which no photo is looked for.
            part: the part of all photos that is looked for.
            clock: returns the time in seconds.

        Raises:
            InputError: a folder cannot be read.
        """
        self._folders, self._out, self._part, self._clock = folders, out, part, clock
        self._seen: dict[PhotoFile, Sight] = {}
        self._unread: dict[Path, str] = {}
        for folder in folders:
            tree = search(folder, out)
            say_passed_over(tree)
            for photo in self._own(tree):
                self._look_at(photo)

    @property
    def photos(self) -> list[PhotoFile]:
        """All photos that there are, complete or not."""
        return list(self._seen)

    @property
    def num_waiting(self) -> int:
        """Number of photos that are not complete yet."""
        return sum(not sight.is_given for sight in self._seen.values())

    def look(self) -> list[PhotoFile]:
        """Return the photos that are complete and new, or have changed since they were given."""
        found: dict[PhotoFile, None] = {}
        is_everything = True
        for folder in self._folders:
            try:
                found |= dict.fromkeys(self._own(search(folder, self._out)))
                self._unread.pop(folder, None)
            except InputError as error:  # such as a network drive that is gone for a while
                is_everything = False
                if self._unread.get(folder) != str(error):
                    log.warning("%s; waiting for it", error)
                self._unread[folder] = str(error)
        if is_everything:
            self._seen = {photo: sight for photo, sight in self._seen.items() if photo in found}
        return [photo for photo in found if self._look_at(photo)]

    def _own(self, tree: Tree) -> list[PhotoFile]:
        part = self._part
        return [photo for photo in tree.photos if part is None or part.has(photo.name)]

    def _look_at(self, photo: PhotoFile) -> bool:
        """Whether a photo is complete, and was not given as it is now."""
        sight, now = self._seen.get(photo), self._clock()
        stamp = stamp_of(photo.path, is_new=sight is None or not sight.is_given)
        if stamp is None:
            self._seen.pop(photo, None)
            return False
        if sight is None or sight.stamp != stamp:
            sight = self._seen[photo] = Sight(stamp, now)
        if sight.is_given or not (stamp.is_complete or now - sight.since >= SETTLED_SECONDS):
            return False
        sight.is_given = True
        return True


def stamp_of(path: Path, *, is_new: bool) -> Stamp | None:
    """Return what changes with the file at `path`; None if there is none.

    Args:
        path: the file.
        is_new: whether it may be growing. It is opened then: only so does a network drive ask what
            size it has now.
    """
    try:
        status = path.stat()
        if is_new and stat.S_ISREG(status.st_mode):
            with suppress(OSError), path.open("rb") as file:
                status = os.fstat(file.fileno())
    except OSError:
        return None
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

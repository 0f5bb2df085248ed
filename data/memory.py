"""How much memory this process may use, and waiting until there is enough of it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

BYTES_A_PIXEL = 18
"""Most memory that decoding a photo takes a pixel (17, of a WebP), and predicting its mask
thereafter (13). `tests/data/test_images_memory.py` measures the former."""


def memory_limit(root: Path = Path("/")) -> int:
    """Return the bytes of memory of the machine, or of the container if it is limited to fewer.

    `root` is the root of the file system; tests pass another one.
    """
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_cgroup_limits(root)])


@cache
def memory_here() -> int:
    """Return `memory_limit()`, which is read once."""
    return memory_limit()


class MemoryGate:
    """Lets work that takes memory begin while all of it that runs fits into a share of the memory.

    What takes more than that share is let in when nothing else runs.
    """

    def __init__(self, num_bytes: int | None = None) -> None:
        """Make a gate for `num_bytes` of memory, by default half of what there is."""
        self._num_bytes = num_bytes
        self._held = 0
        self._changed = threading.Condition()

    @contextmanager
    def holding(self, num_bytes: int) -> Iterator[None]:
        """Wait until there is room for `num_bytes` more, and hold them.

        A thread that holds some may not wait for more at the same gate.
        """
        limit = memory_here() // 2 if self._num_bytes is None else self._num_bytes
        with self._changed:
            self._changed.wait_for(lambda: not self._held or self._held + num_bytes <= limit)
            self._held += num_bytes
        try:
            yield
        finally:
            with self._changed:
                self._held -= num_bytes
                self._changed.notify_all()


def _cgroup_limits(root: Path) -> Iterator[int]:
    """Yield the limits of this process's control group and of all groups that contain it."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        folder = top / group.lstrip("/")
        # In a container, the path may be that of the host; the container's own limit is at the top.
        for place in {folder, *folder.parents, top}:
            try:
                yield int((place / name).read_text())
            except (OSError, ValueError):  # no such file, or "max"
                continue

"""Faults at the n-th operation on files of this process: killed, interrupted, or the disk full.

An operation is anything that changes a folder: opening to write, writing, renaming, removing,
making a folder. Those that Python reports to audit hooks are counted there, writes by files that
`open` gives instead of its own.
"""

import builtins
import errno
import io
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Literal, cast

Fault = Literal["count", "kill", "torn", "interrupt", "full"]
"""`torn` is a kill in the middle of a write; `full` fails this and each later creation."""

FAULTS: tuple[Fault, ...] = ("kill", "torn", "interrupt")

CHANGES = {
    "os.rename": "rename",
    "os.remove": "remove",
    "os.mkdir": "mkdir",
    "os.rmdir": "rmdir",
    "os.truncate": "truncate",
    "os.link": "link",
    "os.symlink": "symlink",
}
GROWING = {"open", "write", "mkdir", "link", "symlink"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class FileFaults:
    """Counts the operations below a folder, and does something at the n-th of them."""

    def __init__(self, folder: Path, fault: Fault, at: int = -1) -> None:
        self.folder = f"{folder}{os.sep}"
        self.fault = fault
        self.at = at
        self.names: list[str] = []
        self._lock = threading.Lock()
        self._is_full = False

    def install(self) -> None:
        """Begin; this cannot be undone in this process."""
        sys.addaudithook(self._on_event)
        builtins.open = io.open = self._open

    def operation(
        self, name: str, path: str, file: io.FileIO | None = None, data: Any = b""
    ) -> None:
        """Count an operation, and do what is to happen at it."""
        with self._lock:
            number = len(self.names)
            self.names.append(f"{name} {Path(path).name}")
        if number == self.at:
            self._strike(file, data)
        if self._is_full and name in GROWING:
            raise OSError(
                errno.ENOSPC, os.strerror(errno.ENOSPC), path if name != "write" else None
            )

    def concerns(self, path: object) -> bool:
        """Whether a path is in the folder; those relative to a descriptor are taken to be."""
        if isinstance(path, int | None):
            return False
        text = os.fsdecode(cast("str", path))
        return text.startswith(self.folder) or not Path(text).is_absolute()

    def _strike(self, file: io.FileIO | None, data: Any) -> None:
        if self.fault == "torn" and file is not None:
            io.FileIO.write(file, bytes(data)[: len(bytes(data)) // 2])
        if self.fault in ("kill", "torn"):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        self._is_full = self.fault == "full"

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITING and self.concerns(path):
                self.operation("open", os.fsdecode(path))
        elif event in CHANGES and self.concerns(arguments[0]):
            self.operation(CHANGES[event], os.fsdecode(arguments[0]))

    def _open(self, file: Any, mode: str = "r", buffering: int = -1, *args: Any, **kw: Any) -> Any:
        """Do as `open` does, but count what is written."""
        names = ("encoding", "errors", "newline")
        text_options = dict(zip(names, args, strict=False)) | kw
        plain = not set(mode) & set("wax+") or not self.concerns(file)
        if plain or set(text_options) - set(names):
            return _real_open(file, mode, buffering, *args, **kw)
        raw = _CountingFile(file, mode.replace("b", "").replace("t", ""))
        raw.faults = self
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, **text_options)


class _CountingFile(io.FileIO):
    """A file whose writes are operations."""

    faults: FileFaults

    def write(self, data: Any, /) -> int:
        """Write as files do."""
        self.faults.operation("write", os.fsdecode(cast("str", self.name)), self, data)
        return super().write(data)


_real_open = io.open

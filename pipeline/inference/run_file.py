"""OUT/run.json: the calls of `predict` that wrote to a folder, and what has come of them.

The file is replaced as a whole when a call ends, also when it is interrupted. A call that is killed
leaves no entry. It is written while the folder is locked, so no two calls mix. It is for people and
their tools: nothing here reads it to decide what is done.
"""

import importlib.metadata
import json
import platform
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from joblib import cpu_count

from data.errors import InputError
from data.files import is_special, read_bytes, write_bytes
from data.mirrors import with_addresses
from pipeline.inference.devices import dtype_of
from pipeline.inference.made_with import MadeWith
from pipeline.inference.records import Record
from pipeline.model import own_version

FORMAT = 1

RUN_FILE = "run.json"

MOST_CALLS = 100
"""Most calls that the file lists; the oldest are dropped."""

MOST_BYTES = 2**26
"""Most bytes of a file that is read."""

LIBRARIES = (
    *("torch", "numpy", "opencv-python-headless", "opencv-python", "pillow"),
    *("simplejpeg", "scipy", "scikit-image"),
)
"""Packages that results may depend on, as far as they are installed."""


@dataclass(frozen=True)
class Call:
    """A call of `predict`, as it was asked for."""

    arguments: Mapping[str, Any]
    """Values by the names of the command's arguments; what JSON has not, becomes text."""
    model: str
    """The model as it was named."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Figures:
    """What has come of a call so far."""

    photos: int
    """Number of photos of the call."""
    records: Collection[Record] = ()
    """Records of photos with results, those of earlier calls included."""
    skipped: int = 0
    """Number of photos that earlier calls had finished."""
    failed: int = 0
    """Number of photos that could not be read or predicted."""
    predicting: float = 0.0
    """Seconds of predicting."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures by their names; a mean of nothing is None."""
        done = len(self.records) - self.skipped
        tiles = [record.tiles for record in self.records if record.tiles is not None]
        known = [record for record in self.records if record.is_known is not False]
        dice = [record.expected_dice for record in known if record.expected_dice is not None]
        return {
            "photos": self.photos,
            "done": done,
            "skipped": self.skipped,
            "failed": self.failed,
            "unlike_training": len(self.records) - len(known),
            "predicting_seconds": round(self.predicting, 3),
            "photos_a_second": round(done / self.predicting, 3) if done else None,
            "tiles": sum(tiles),
            "tiles_a_photo": round(fmean(tiles), 2) if tiles else None,
            "expected_dice": round(fmean(dice), 6) if dice else None,
        }


@contextmanager
def recorded(
    path: Path,
    call: Call | None,
    made: MadeWith,
    device: str,
    figures: Callable[[], Figures],
    place: Path | None = None,
) -> Iterator[None]:
    """Add a call to the file at `path` when the block ends, however it ends.

    Hold the lock of the folder, or of the part, meanwhile. The lists of parts are joined with that
    of calls for all photos, and removed.

    Args:
        path: the file.
        call: the call; None where nothing is to be said of it.
        made: what its results depend on.
        device: where and how the networks compute, see `computing`.
        figures: asked at the end for what has come of it.
        place: folder for a temporary file; by default that of `path`.

    Raises:
        InputError: there is another file in its place.
    """
    if call is None:
        yield
        return
    parts = calls_of_parts(path)
    earlier = sorted(chain(earlier_calls(path), *parts.values()), key=_time)
    began, status = time.monotonic(), "failed"
    try:
        yield
        status = "done"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        seconds = time.monotonic() - began
        entry = _entry(call, made, device) | {"status": status, "seconds": round(seconds, 3)}
        calls = [*earlier, entry | figures().to_json()][-MOST_CALLS:]
        content = {"format": FORMAT, "foveamask": own_version(), "calls": calls}
        text = f"{json.dumps(content, indent=2, default=_text)}\n"
        with suppress(OSError) if status != "done" else nullcontext():  # a full disk has been said
            write_bytes(path, text.encode(), place=place)
            for part in parts:
                part.unlink(missing_ok=True)


def earlier_calls(path: Path) -> list[dict[str, Any]]:
    """Return the calls that the file at `path` lists; none if it is not there.

    Raises:
        InputError: it cannot be read, or is another file, which would be overwritten.
    """
    if is_special(path):
        raise InputError(f"{path} is a pipe, a socket or a device, and no file; remove it")
    if not path.exists():
        return []
    data = read_bytes(path, MOST_BYTES)
    try:
        content = json.loads(data)
        calls: list[dict[str, Any]] = content["calls"]
        is_ours = content["format"] == FORMAT and isinstance(calls, list)
    except (ValueError, RecursionError, TypeError, KeyError):
        is_ours, calls = False, []
    if not is_ours:
        raise InputError(
            f"{path} is no list of calls of this version, and would be overwritten by one; move "
            "it, or name another folder"
        )
    return calls


def calls_of_parts(path: Path) -> dict[Path, list[dict[str, Any]]]:
    """Return the calls that parts have listed beside the file at `path`, by their own files."""
    found: dict[Path, list[dict[str, Any]]] = {}
    for part in sorted(path.parent.glob(f"{path.stem}.part-*-of-*{path.suffix}")):
        with suppress(InputError):  # no file of ours
            found[part] = earlier_calls(part)
    return found


def check_run_file(path: Path, results: Sequence[Path]) -> None:
    """Raise, before any work, if the file of the calls cannot be written to `path`.

    Args:
        path: the file.
        results: files that will be written.

    Raises:
        InputError: another file is there, or one of `results` would be.
    """
    if path in results:
        raise InputError(
            f"{path} would be both a result and the list of calls; rename the photo {path.stem}"
        )
    earlier_calls(path)


def _time(call: Any) -> str:
    """Return when a call began, as text that can be compared."""
    return str(call.get("started", "")) if isinstance(call, dict) else ""


def _text(value: object) -> str:
    """Return what JSON has no other form for."""
    return with_addresses(str(value))


def _entry(call: Call, made: MadeWith, device: str) -> dict[str, Any]:
    return {
        "started": call.started.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "arguments": dict(call.arguments),
        "model": {"name": call.model, "sha256": made.model},
        "stage": made.stage,
        "budget": made.budget,
        "postprocess": made.postprocess,
        "outputs": made.outputs,
        "versions": versions(),
        "machine": {
            "platform": platform.platform(),
            "processor": platform.machine(),
            "cores": cpu_count(),
            "device": device,
        },
    }


def computing(device: torch.device) -> str:
    """Return the name of a device, and the type that networks compute in on it by default."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{name}, {dtype_of(device, 'auto')}".replace("torch.", "")


def versions() -> dict[str, str]:
    """Return the versions of all that results may depend on."""
    found = {"foveamask": own_version(), "python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found

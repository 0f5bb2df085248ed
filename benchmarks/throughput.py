"""From files to files, as the command does it: photos a second, start-up and peak memory.

Every figure is that of a fresh process, from its start to its end.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from data.errors import InputError

ROUNDS = 3


@dataclass(frozen=True)
class Used:
    """What a process took."""

    seconds: float
    megabytes: float
    """Most memory that it had at a time."""


def table(
    photos: Sequence[Path], folder: Path, counts: Sequence[int], device: str, model: str
) -> str:
    """Return the table in Markdown.

    Args:
        photos: what is predicted, again and again where there are not enough of them.
        folder: to work in.
        counts: numbers of photos.
        device: where to compute.
        model: what with.

    Raises:
        InputError: a command failed.
    """
    text = "| command | photos | seconds | photos a second | peak memory, MB |\n"
    text += "|---" * 5 + "|\n"
    helped = used(["--help"])
    text += f"| `--help` | - | {helped.seconds:.2f} | - | {helped.megabytes:.0f} |\n"
    for stage in ("coarse", "refined"):
        for num in (1, *counts):
            links = linked(photos, folder / f"{num} photos", num)
            row = used(
                [
                    *("predict", str(links), str(folder / "masks")),
                    *("--csv", str(folder / "masks.csv")),
                    *("--model", model, "--stage", stage, "--device", device),
                ]
            )
            command = f"`predict`, {'both stages' if stage == 'refined' else 'coarse alone'}"
            text += (
                f"| {command} | {num} | {row.seconds:.1f} | {num / row.seconds:.1f} "
                f"| {row.megabytes:.0f} |\n"
            )
    return text


def linked(photos: Sequence[Path], folder: Path, num: int) -> Path:
    """Return `folder`, filled with links to `num` photos."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(num):
        photo = photos[i % len(photos)]
        link = folder / f"{i:06}{photo.suffix}"
        if not link.is_symlink():
            link.symlink_to(photo.resolve())
    return folder


def used(arguments: Sequence[str]) -> Used:
    """Return what the command with `arguments` takes, the median of a few calls.

    Raises:
        InputError: it failed.
    """
    calls = [used_once(arguments) for _ in range(ROUNDS)]
    return Used(median(c.seconds for c in calls), max(c.megabytes for c in calls))


def used_once(arguments: Sequence[str]) -> Used:
    """Return what one call of the command takes.

    Raises:
        InputError: it failed.
    """
    command = [sys.executable, "-m", "pipeline", *arguments]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise InputError(f"`foveamask {' '.join(arguments)}` ended with {process.returncode}")
    kibibytes = usage.ru_maxrss if sys.platform != "darwin" else usage.ru_maxrss / 1024
    return Used(seconds, kibibytes * 1024 / 1e6)

"""From files to files, as the command does it: photos a second, start-up and peak memory.

Every figure is that of a fresh process, from its start to its end.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from data.errors import InputError

ROUNDS = 3

STARTER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
used = [time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]
print(json.dumps(used))
sys.exit(status)
"""
"""Runs a command, and prints its seconds and its peak memory in kibibytes, as Linux has them."""


@dataclass(frozen=True)
class Used:
    """What a process took."""

    seconds: float
    megabytes: float
    """Most memory that it had at a time."""


def table(
    photos: Sequence[Path],
    folder: Path,
    counts: Sequence[int],
    how: Sequence[str],
    stages: Sequence[str],
) -> str:
    """Return the table in Markdown.

    Args:
        photos: what is predicted, again and again where there are not enough of them.
        folder: to work in.
        counts: numbers of photos.
        how: further options of the command.
        stages: how far to go.

    Raises:
        InputError: a command failed.
    """
    text = "| command | photos | seconds | photos a second | peak memory, MB |\n"
    text += "|---" * 5 + "|\n"
    helped = used(["--help"])
    text += f"| `--help` | - | {helped.seconds:.2f} | - | {helped.megabytes:.0f} |\n"
    for stage in stages:
        for num in (1, *counts):
            links = linked(photos, folder / f"{num} photos", num)
            row = used(
                [
                    *("predict", str(links), str(folder / "masks")),
                    *("--csv", str(folder / "masks.csv")),
                    *("--stage", stage, *how),
                ]
            )
            command = f"`predict`, {'both stages' if stage == 'refined' else 'coarse alone'}"
            text += (
                f"| {command} | {num} | {row.seconds:.1f} | {num / row.seconds:.1f} "
                f"| {row.megabytes:.0f} |\n"
            )
    return text


def linked(photos: Sequence[Path], folder: Path, num: int) -> Path:
    """Return `folder`, filled with links to `num` photos and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for i in range(num):
        photo = photos[i % len(photos)]
        (folder / f"{i:06}{photo.suffix}").symlink_to(photo.resolve())
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
    # A process counts the memory of the one that started it as its own; so a small one starts it.
    starter = [sys.executable, "-c", STARTER, *command]
    done = subprocess.run(starter, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"`foveamask {' '.join(arguments)}` failed: {done.stderr.strip()}")
    seconds, kibibytes = json.loads(done.stdout.splitlines()[-1])
    return Used(seconds, kibibytes * 1024 / 1e6)

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
import json, os, resource, subprocess, sys, time
commands = json.loads(sys.argv[1])
cores = sorted(os.sched_getaffinity(0))
def pin(i):
    return (lambda: os.sched_setaffinity(0, {cores[i]})) if len(commands) > 1 else None
started = time.perf_counter()
running = [
    subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=pin(i))
    for i, command in enumerate(commands)
]
statuses = [process.wait() for process in running]
used = [time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]
print(json.dumps(used))
sys.exit(max(map(abs, statuses)))
"""
"""Runs commands at once, each of several on a core of its own, and prints the seconds until the
last has ended and the largest peak memory in kibibytes, as Linux has them."""


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
    cores: int,
) -> str:
    """Return the table in Markdown.

    Args:
        photos: what is predicted, again and again where there are not enough of them.
        folder: to work in.
        counts: numbers of photos.
        how: further options of the command.
        stages: how far to go.
        cores: how many processes are run at once, each on a core, to compare; 1 for no such rows.

    Raises:
        InputError: a command failed.
    """
    text = "| command | photos | seconds | photos a second | peak memory, MB |\n"
    text += "|---" * 5 + "|\n"
    helped = used([["--help"]])
    text += f"| `--help` | - | {helped.seconds:.2f} | - | {helped.megabytes:.0f} |\n"
    for stage in stages:
        name = f"`predict`, {'both stages' if stage == 'refined' else 'coarse alone'}"
        for num in (1, *counts):
            links = linked(photos, folder / f"{num} photos", num)
            text += row(name, num, used([command(links, folder, [*how, "--stage", stage])]))
        total = max(counts)
        if cores > 1:
            shares = [len(range(core, total, cores)) for core in range(min(cores, total))]
            folders = [linked(photos, folder / f"core {i}", num) for i, num in enumerate(shares)]
            commands = [
                command(links, folder, [*how, "--stage", stage], f"masks{i}")
                for i, links in enumerate(folders)
            ]
            text += row(f"{name}, a process a core", total, used(commands), len(commands))
    return text


def row(name: str, num: int, taken: Used, processes: int = 1) -> str:
    """Return a row of the table in Markdown."""
    return (
        f"| {name} | {num} | {taken.seconds:.1f} | {num / taken.seconds:.1f} "
        f"| {processes * taken.megabytes:.0f} |\n"
    )


def command(photos: Path, folder: Path, how: Sequence[str], masks: str = "masks") -> list[str]:
    """Return the arguments that predict `photos` into `folder`."""
    return [
        *("predict", str(photos), str(folder / masks)),
        *("--csv", str(folder / f"{masks}.csv"), "--overwrite", *how),
    ]


def linked(photos: Sequence[Path], folder: Path, num: int) -> Path:
    """Return `folder`, filled with links to `num` photos and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for i in range(num):
        photo = photos[i % len(photos)]
        (folder / f"{i:06}{photo.suffix}").symlink_to(photo.resolve())
    return folder


def used(commands: Sequence[Sequence[str]]) -> Used:
    """Return what commands at once take, given their arguments: the median of a few times.

    Raises:
        InputError: one failed.
    """
    times = [used_once(commands) for _ in range(ROUNDS)]
    return Used(median(t.seconds for t in times), max(t.megabytes for t in times))


def used_once(commands: Sequence[Sequence[str]]) -> Used:
    """Return what commands at once take, once.

    Raises:
        InputError: one failed.
    """
    lines = [[sys.executable, "-m", "pipeline", *arguments] for arguments in commands]
    # A process counts the memory of the one that started it as its own; so a small one starts it.
    starter = [sys.executable, "-c", STARTER, json.dumps(lines)]
    done = subprocess.run(starter, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"`foveamask {' '.join(commands[0])}` failed: {done.stderr.strip()}")
    seconds, kibibytes = json.loads(done.stdout.splitlines()[-1])
    return Used(seconds, kibibytes * 1024 / 1e6)

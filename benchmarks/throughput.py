"""The command from files to files: photos a second, start-up time and peak memory.

Every figure is that of a new process, from its start to its end.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.markdown import table
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
"""Runs several commands at once, each on a core of its own. Prints the seconds until the last one
ends, and the largest peak memory in kibibytes (the unit of Linux)."""


@dataclass(frozen=True)
class Used:
    """Time and memory of a process."""

    seconds: float
    megabytes: float
    """Peak memory."""


def table_of_commands(
    photos: Sequence[Path],
    folder: Path,
    counts: Sequence[int],
    options: Sequence[str],
    stages: Sequence[str],
    cores: int,
) -> str:
    """Return the table in Markdown.

    Args:
        photos: the photos to predict, repeated where there are not enough of them.
        folder: to work in.
        counts: numbers of photos.
        options: further options of the command.
        stages: values of `--stage`.
        cores: processes to run at once for comparison, each on a core; 1 for no such rows.

    Raises:
        InputError: a command failed.
    """
    help_text = used([["--help"]])
    rows = [["`--help`", "-", f"{help_text.seconds:.2f}", "-", f"{help_text.megabytes:.0f}"]]
    for stage in stages:
        name = f"`predict`, {'both stages' if stage == 'refined' else 'coarse alone'}"
        for num in (1, *counts):
            links = linked(photos, folder / f"{num} photos", num)
            rows.append(
                row(name, num, used([command(links, folder, [*options, "--stage", stage])]))
            )
        total = max(counts)
        if cores > 1:
            shares = [len(range(core, total, cores)) for core in range(min(cores, total))]
            folders = [linked(photos, folder / f"core {i}", num) for i, num in enumerate(shares)]
            commands = [
                command(links, folder, [*options, "--stage", stage], f"masks{i}")
                for i, links in enumerate(folders)
            ]
            rows.append(row(f"{name}, a process a core", total, used(commands), len(commands)))
    headings = ["command", "photos", "seconds", "photos a second", "peak memory, MB"]
    return table(headings, rows)


def row(name: str, num: int, taken: Used, processes: int = 1) -> list[str]:
    """Return the cells of `num` photos that so many processes predicted."""
    return [
        name,
        str(num),
        f"{taken.seconds:.1f}",
        f"{num / taken.seconds:.1f}",
        f"{processes * taken.megabytes:.0f}",
    ]


def command(photos: Path, folder: Path, options: Sequence[str], masks: str = "masks") -> list[str]:
    """Return the arguments that predict `photos` into `folder`."""
    return [
        *("predict", str(photos), str(folder / masks)),
        *("--csv", str(folder / f"{masks}.csv"), "--overwrite", *options),
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
    """Return time and memory of commands that run at once, given their arguments: the median time.

    Raises:
        InputError: one failed.
    """
    times = [used_once(commands) for _ in range(ROUNDS)]
    return Used(median(t.seconds for t in times), max(t.megabytes for t in times))


def used_once(commands: Sequence[Sequence[str]]) -> Used:
    """Return time and memory of commands that run at once, measured once.

    Raises:
        InputError: one failed.
    """
    lines = [[sys.executable, "-m", "pipeline", *arguments] for arguments in commands]
    # Until a child process runs another program, Linux counts the memory of its parent for it. So a
    # small process starts the commands.
    starter = [sys.executable, "-c", STARTER, json.dumps(lines)]
    done = subprocess.run(starter, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"`foveamask {' '.join(commands[0])}` failed: {done.stderr.strip()}")
    seconds, kibibytes = json.loads(done.stdout.splitlines()[-1])
    return Used(seconds, kibibytes * 1024 / 1e6)

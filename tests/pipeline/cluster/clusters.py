"""Dask clusters on this machine: a scheduler and workers as processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).parents[3]

PRELOADED = Path(__file__).parent / "preloaded.py"
"""Makes workers slow, and lets them die of some photos."""

SECONDS = 300
"""Longest time that something may take; the machine may be busy."""


class Place(Protocol):
    """Where a process runs."""

    @property
    def address(self) -> str: ...

    @property
    def prefix(self) -> tuple[str, ...]:
        """What comes before its command."""


@dataclass(frozen=True)
class ThisHost:
    address: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()


HERE = ThisHost()


@dataclass
class RunningCluster:
    """A scheduler and its workers, which have one thread each."""

    folder: Path
    """For its files and logs."""
    address: str
    environment: dict[str, str]
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def add_worker(self, place: Place = HERE) -> "subprocess.Popen[bytes]":
        command = ("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        options = ("--host", place.address, "--preload", str(PRELOADED))
        worker = _dask(self.folder, self.environment, place, *command, *options)
        self.workers.append(worker)
        return worker


@contextmanager
def running_cluster(
    folder: Path, num_workers: int, place: Place = HERE, **environment: str
) -> Iterator[RunningCluster]:
    """A scheduler on any free port of `place` and workers, until the block ends."""
    folder.mkdir()
    here = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    there = here | {"DASK_TEMPORARY_DIRECTORY": str(folder)} | environment
    file = folder / "scheduler.json"
    options = ("--host", place.address, "--port", "0", "--no-dashboard")
    scheduler = _dask(folder, there, place, "scheduler", *options, "--scheduler-file", str(file))
    cluster = None
    try:
        wait_until(file.exists)
        time.sleep(0.1)  # for its content
        cluster = RunningCluster(folder, json.loads(file.read_text())["address"], there)
        for _ in range(num_workers):
            cluster.add_worker()
        yield cluster
    finally:
        for process in [*(cluster.workers if cluster else ()), scheduler]:
            process.kill()
            process.wait()


def foveamask_process(*arguments: object, place: Place = HERE) -> "subprocess.Popen[str]":
    """The command line in a process of its own."""
    return subprocess.Popen(
        [*place.prefix, sys.executable, "-m", "pipeline", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def kill(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "that takes too long"
        time.sleep(0.02)


def _dask(
    folder: Path, environment: dict[str, str], place: Place, command: str, *arguments: str
) -> "subprocess.Popen[bytes]":
    with (folder / f"{command}-{time.monotonic_ns()}.log").open("wb") as log:
        return subprocess.Popen(
            [*place.prefix, sys.executable, "-m", f"distributed.cli.dask_{command}", *arguments],
            cwd=folder,  # not that of the tests: paths that travel must be absolute
            env=environment,
            stderr=log,
            stdout=log,
        )

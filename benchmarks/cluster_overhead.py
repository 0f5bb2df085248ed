"""What `predict --cluster` costs beside threads of one process, on the cores of this machine.

    python -m benchmarks.cluster_overhead PHOTOS --count 256 --repeats 5

Photos are repeated under other names until there are `--count`. The same command runs in turn with
threads, and with a scheduler and workers of one thread each, as many as there are cores. All are
processes of this machine, so they share its cores. Compared are medians: seconds of predicting, and
seconds of processor time of all processes, which another program's load disturbs less.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from cyclopts import App
from joblib import cpu_count

from benchmarks.markdown import table
from data.photo_files import find_photo_files
from pipeline import DEFAULT_MODEL
from pipeline.cli.program import run

if TYPE_CHECKING:
    from psutil import Process

app = App(name="python -m benchmarks.cluster_overhead", help=__doc__, help_format="plaintext")

HEADER = ("", "predicting, s", "processor, s", "photos a second", "whole command, s")


@contextmanager
def cluster(folder: Path, num_workers: int) -> Iterator[tuple[str, list["Process"]]]:
    """Give the address of a scheduler with workers of one thread, and all these processes."""
    import psutil

    file = folder / "scheduler.json"
    environment = os.environ | {"DASK_TEMPORARY_DIRECTORY": str(folder)}

    def start(kind: str, *arguments: str) -> "subprocess.Popen[bytes]":
        command = (sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments)
        with (folder / "log").open("ab") as log:
            return subprocess.Popen(command, env=environment, stderr=log, stdout=log)

    quiet = ("--no-dashboard",)
    where = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
    started = [start("scheduler", *where, *quiet)]
    try:
        while not file.exists():
            time.sleep(0.1)
        time.sleep(0.5)
        address = json.loads(file.read_text())["address"]
        alone = ("--nthreads", "1", "--no-nanny", *quiet)
        started += [start("worker", address, *alone) for _ in range(num_workers)]
        yield address, [psutil.Process(process.pid) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()


def timed(photos: Path, out: Path, model: str, *options: str) -> tuple[float, float, float]:
    """Return seconds of predicting, of the command's processor time, and of the whole command."""
    command = (sys.executable, "-m", "pipeline", "predict", str(photos), str(out))
    began, before = time.monotonic(), os.times()
    subprocess.run(
        [*command, "--model", model, "--device", "cpu", *options], check=True, capture_output=True
    )
    after, wall = os.times(), time.monotonic() - began
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    (call,) = json.loads((out / "run.json").read_text())["calls"]
    return call["predicting_seconds"], used, wall


def repeated(photos: Sequence[Path], count: int, folder: Path) -> Path:
    """Link photos under `count` names in a folder of `folder`."""
    place = folder / "photos"
    place.mkdir()
    for i in range(count):
        photo = photos[i % len(photos)].resolve()
        (place / f"{i:05}{photo.suffix}").symlink_to(photo)
    return place


@app.default
def measure(
    photos: Path, /, *, count: int = 256, repeats: int = 5, model: str = DEFAULT_MODEL
) -> None:
    """Print the table.

    Args:
        photos: folder of photos.
        count: how many photos are predicted; those in the folder are repeated.
        repeats: runs of each kind, in turn.
        model: name or folder of a model.
    """
    found = [photo.path for photo in find_photo_files([photos])]
    rows: dict[str, list[tuple[float, float, float]]] = {"threads": [], "cluster": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        linked = repeated(found, count, folder)
        with cluster(folder, cpu_count()) as (address, processes):
            timed(linked, folder / "warm", model, "--cluster", address)
            for i in range(repeats):
                rows["threads"].append(timed(linked, folder / f"threads{i}", model))
                before = _used(processes)
                seconds, used, wall = timed(
                    linked, folder / f"cluster{i}", model, "--cluster", address
                )
                rows["cluster"].append((seconds, used + _used(processes) - before, wall))
    middle = {
        name: [median(column) for column in zip(*all_, strict=True)] for name, all_ in rows.items()
    }
    lines = [
        (name, f"{s:.2f}", f"{cpu:.2f}", f"{count / s:.2f}", f"{wall:.1f}")
        for name, (s, cpu, wall) in middle.items()
    ]
    print(f"{count} photos, {cpu_count()} cores, medians of {repeats} runs in turn\n")
    print(table(HEADER, lines))
    (one, one_cpu, _), (other, other_cpu, _) = middle["threads"], middle["cluster"]
    print(
        f"cluster: {other / one - 1:+.1%} seconds a photo, {other_cpu / one_cpu - 1:+.1%} processor"
    )


def _used(processes: Sequence["Process"]) -> float:
    """Return the seconds of processor time that `processes` have used so far."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


if __name__ == "__main__":
    sys.exit(run(app))

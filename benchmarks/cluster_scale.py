"""What the scheduler of a cluster does for each share, with workers that sleep.

    python -m benchmarks.cluster_scale --workers 1000 --shares 100000

The scheduler is a process of its own. Workers are Dask's own, with one thread each, many in one
process; a share has the paths of a hundred photos and takes as long as `--seconds` says. Shares go
through `map_shares`, as those of `predict --cluster` do.
"""

import asyncio
import inspect
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from cyclopts import App

from pipeline.cli.program import run

app = App(name="python -m benchmarks.cluster_scale", help=__doc__, help_format="plaintext")

PHOTOS = 100
"""Paths in a share."""

Paths = tuple[float, tuple[str, ...]]
"""Seconds that a share takes, and its photos."""


def sleep(share: Paths) -> list[str]:
    """Take the time of a share, and return about as much as its records."""
    time.sleep(share[0])
    return [path[-64:] for path in share[1]]


def sleeping_shares(num: int, seconds: float) -> Iterator[Paths]:
    """Yield shares with the paths of a hundred photos each."""
    for i in range(num):
        yield seconds, tuple(f"/share/photos/{i:06}/photo-{k:03}.jpg" for k in range(PHOTOS))


async def work(address: str, num: int) -> None:
    """Run workers of one thread until the scheduler ends."""
    from distributed import Worker

    options: dict[str, Any] = {"nthreads": 1, "memory_limit": 0, "dashboard": False}
    workers = [Worker(address, **options) for _ in range(num)]
    await asyncio.gather(*workers)
    await asyncio.gather(*(worker.finished() for worker in workers))


def count_messages(scheduler: Any) -> "Counter[str]":
    """Have a scheduler count the messages of its streams from now on."""
    counts: Counter[str] = Counter()

    def counted(name: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        def handle(*arguments: Any, **named: Any) -> Any:
            counts[name] += 1
            return handler(*arguments, **named)

        async def handle_later(*arguments: Any, **named: Any) -> Any:
            counts[name] += 1
            return await handler(*arguments, **named)

        return handle_later if inspect.iscoroutinefunction(handler) else handle

    def counted_sending(client_msgs: Any, worker_msgs: Any) -> None:
        for whom, messages in (("worker", worker_msgs), ("client", client_msgs)):
            counts.update(f"to {whom} {m['op']}" for found in messages.values() for m in found)
        send_all(client_msgs, worker_msgs)

    send_all, scheduler.send_all = scheduler.send_all, counted_sending
    for name, handler in scheduler.stream_handlers.items():
        scheduler.stream_handlers[name] = counted(f"from {name}", handler)
    return counts


async def schedule(file: Path) -> None:
    """Run a scheduler; write its address to `file`."""
    from distributed import Scheduler

    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        counts = count_messages(scheduler)

        async def report(reset: bool) -> dict[str, Any]:
            usage, found = resource.getrusage(resource.RUSAGE_SELF), dict(counts)
            if reset:
                counts.clear()
            cpu = usage.ru_utime + usage.ru_stime
            return {"messages": found, "cpu": cpu, "peak_mb": usage.ru_maxrss / 1e3}

        scheduler.handlers["report"] = report
        file.with_suffix(".new").write_text(json.dumps({"address": scheduler.address}))
        file.with_suffix(".new").replace(file)
        await scheduler.finished()


def measure(address: str, num_workers: int, num_shares: int, seconds: float) -> None:
    """Print what the scheduler does for each of `num_shares`."""
    from pipeline.inference.cluster.scheduler import connected
    from pipeline.inference.cluster.share_map import map_shares

    with connected(address) as scheduler:
        client: Any = scheduler.client
        client.wait_for_workers(num_workers)
        report = partial(client.sync, client.scheduler.report)
        before, began = report(reset=True), time.monotonic()
        ended = sum(
            1 for _ in map_shares(scheduler, sleep, sleeping_shares(num_shares, seconds), "sleep")
        )
        wall, after = time.monotonic() - began, report(reset=False)
        cpu = after["cpu"] - before["cpu"]
        print(f"{ended} shares of {seconds:g} s by {num_workers} workers in {wall:.1f} s")
        ideal = num_shares * seconds / num_workers
        print(f"without any overhead: {ideal:.1f} s; {ended / wall:.0f} shares a second")
        print(f"scheduler: {cpu / ended * 1e3:.2f} ms of a core a share, {cpu:.1f} s in all")
        print(f"scheduler: at most {after['peak_mb']:.0f} MB")
        for name, count in sorted(after["messages"].items(), key=lambda item: -item[1])[:12]:
            print(f"{count / ended:8.3f} messages a share {name}")


@app.default
def simulate(
    *,
    workers: int = 1000,
    processes: int = 4,
    shares: int = 100_000,
    seconds: float = 1.0,
    part: str = "",
) -> None:
    """Start a scheduler and workers, and print what the scheduler does.

    Args:
        workers: how many, with one thread each.
        processes: that the workers are in.
        shares: how many there are.
        seconds: what one takes.
        part: what a process that this starts is to be.
    """
    if part:
        kind, _, rest = part.partition(" ")
        num = workers // processes
        asyncio.run(schedule(Path(rest)) if kind == "scheduler" else work(rest, num))
        return
    with tempfile.TemporaryDirectory() as folder:
        file, own = (
            Path(folder, "scheduler.json"),
            [sys.executable, "-m", "benchmarks.cluster_scale"],
        )
        numbers = ["--workers", str(workers), "--processes", str(processes)]
        quiet = {"DASK_LOGGING__DISTRIBUTED": "error", "DASK_TEMPORARY_DIRECTORY": folder}
        start = partial(subprocess.Popen, env=os.environ | quiet)
        started = [start([*own, *numbers, "--part", f"scheduler {file}"])]
        try:
            while not file.exists():
                time.sleep(0.1)
            address = json.loads(file.read_text())["address"]
            for _ in range(processes):
                started.append(start([*own, *numbers, "--part", f"worker {address}"]))
            measure(address, workers, shares, seconds)
        finally:
            for process in started:
                process.kill()
                process.wait()


if __name__ == "__main__":
    sys.exit(run(app))

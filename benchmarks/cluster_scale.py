"""What the scheduler of a cluster does for each share, with workers that sleep.

    python -m benchmarks.cluster_scale --workers 1000 --shares 100000

The scheduler is a process of its own. Workers are Dask's own, with one thread each, many in one
process; a share has the paths of a hundred photos and takes as long as `--seconds` says. Shares go
through `map_shares`, as those of `predict --cluster` do. Workers do not watch themselves, as each
of them does on a machine of its own: a thousand on one machine would do little else.

Figures come for each tenth of the shares, so that a cost that grows with their number is seen.
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
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from cyclopts import App

from benchmarks.markdown import table
from pipeline.cli.program import run

app = App(name="python -m benchmarks.cluster_scale", help=__doc__, help_format="plaintext")

PHOTOS = 100
"""Paths in a share."""

NOT_WATCHED = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "1h",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.tick.interval": "1h",
}
"""Settings of workers. Each would look a hundred times a second at what its thread does, and fifty
times at whether its loop turns."""

PATIENT = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "10m"}
"""Settings of all processes. So many on one machine leave each other without an answer for longer
than the 30 seconds after which Dask gives up a connection."""

HEADER = ("shares", "s", "scheduler, ms a share", "its memory at most, MB", "call, ms a share")

Paths = tuple[float, tuple[str, ...]]
"""Seconds that a share takes, and its photos."""


async def sleep(share: Paths) -> list[str]:
    """Take the time of a share, without a thread, and return about as much as its records."""
    await asyncio.sleep(share[0])
    return [path[-64:] for path in share[1]]


def sleeping_shares(num: int, seconds: float) -> Iterator[Paths]:
    """Yield shares with the paths of a hundred photos each."""
    for i in range(num):
        yield seconds, tuple(f"/share/photos/{i:06}/photo-{k:03}.jpg" for k in range(PHOTOS))


async def work(address: str, num: int) -> None:
    """Run workers of one thread until the scheduler ends."""
    import dask
    from distributed import Worker

    dask.config.set(NOT_WATCHED)
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
        print(f"{num_workers} workers have come", file=sys.stderr)
        report = partial(client.sync, client.scheduler.report)
        shares = sleeping_shares(num_shares, seconds)
        ended = map_shares(scheduler, sleep, shares, "sleep")
        looks = [Look.of(report(reset=True))]
        for i in range(1, 11):
            num = i * num_shares // 10 - (i - 1) * num_shares // 10
            if sum(1 for _ in islice(ended, num)) != num:
                raise RuntimeError("shares are missing")
            after = report(reset=False)
            looks.append(Look.of(after))
            print(f"{i} of 10 parts in {looks[-1].wall - looks[0].wall:.0f} s", file=sys.stderr)
    parts = [looks[k].row_after(looks[k - 1], num_shares / 10) for k in range(1, 11)]
    whole = looks[-1].row_after(looks[0], num_shares)
    wall, ideal = looks[-1].wall - looks[0].wall, num_shares * seconds / num_workers
    print(f"{num_shares} shares of {seconds:g} s by {num_workers} workers in {wall:.1f} s")
    print(f"without any overhead: {ideal:.1f} s; {num_shares / wall:.0f} shares a second\n")
    print(table(HEADER, [*parts, whole]))
    for name, count in sorted(after["messages"].items(), key=lambda item: -item[1])[:12]:
        print(f"{count / num_shares:8.3f} messages a share {name}")


@dataclass(frozen=True)
class Look:
    """The clock, and what was used until then."""

    wall: float
    scheduler: float
    """Seconds of processor time of the scheduler."""
    scheduler_mb: float
    """Most memory of the scheduler so far."""
    call: float
    """Seconds of processor time of this process."""

    @classmethod
    def of(cls, report: dict[str, Any]) -> "Look":
        """Return what a report of the scheduler says, and this process used, now."""
        own = sum(os.times()[:2])
        return cls(time.monotonic(), report["cpu"], report["peak_mb"], own)

    def row_after(self, other: "Look", num_shares: float) -> tuple[str, ...]:
        """Return the row of the table for `num_shares` since another look."""
        return (
            f"{num_shares:.0f}",
            f"{self.wall - other.wall:.1f}",
            f"{1e3 * (self.scheduler - other.scheduler) / num_shares:.2f}",
            f"{self.scheduler_mb:.0f}",
            f"{1e3 * (self.call - other.call) / num_shares:.2f}",
        )


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
    os.environ |= PATIENT
    with tempfile.TemporaryDirectory() as name, Path(name, "log").open("wb") as log:
        file = Path(name, "scheduler.json")
        own = [sys.executable, "-m", "benchmarks.cluster_scale", "--workers", str(workers)]
        own += ["--processes", str(processes), "--part"]
        environment = os.environ | {"DASK_TEMPORARY_DIRECTORY": name}
        start = partial(subprocess.Popen, env=environment, stderr=log, stdout=log)
        started = [start([*own, f"scheduler {file}"])]
        try:
            while not file.exists():
                time.sleep(0.1)
            address = json.loads(file.read_text())["address"]
            started += [start([*own, f"worker {address}"]) for _ in range(processes)]
            measure(address, workers, shares, seconds)
        finally:
            for process in started:
                process.kill()
                process.wait()


if __name__ == "__main__":
    sys.exit(run(app))

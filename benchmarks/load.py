"""Load on `foveamask serve`: requests a second, waiting times, what is lost, and memory.

It starts a server and sends it photos over connections that are kept. Clients share the cores with
the server. Before and after each row the engine's own rate is measured: the same work on the same
photos, with as many threads, without a server. With --requests, that many photos are sent by 4
clients as well, and the server's resident memory is noted on the way.
"""

import asyncio
import hashlib
import math
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

import httpx2
from cyclopts import App

from benchmarks.markdown import of_model, table
from data.images import decode_photo
from data.samples import find_photos
from pipeline import DEFAULT_MODEL
from pipeline.cli.program import run
from pipeline.inference.expected import measured_interval
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.one_photo import encoded, expected_of
from pipeline.inference.outputs import MASK
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import map_photos

app = App(name="python -m benchmarks.load", help_format="plaintext")

BOUNDARY = "foveamask-load"
HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

Send = Callable[..., Coroutine[Any, Any, "Load"]]
"""`loaded` with the server and the photos."""

READINGS = 10
"""Times that the memory is noted."""


@dataclass
class Load:
    """What clients saw."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    """Seconds of each request that was answered with a mask."""
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: int = 0
    """Masks that are not those of their photos."""

    def time_at(self, share: float) -> float:
        """Return the seconds below which a `share` of all requests took."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]

    @property
    def rate(self) -> float:
        """Masks a second."""
        return len(self.times) / self.seconds


@contextmanager
def serving(model: str) -> Iterator[tuple[int, str]]:
    """Start a server; give its process and its address."""
    command = [sys.executable, "-m", "pipeline", "serve", "--port", "0", "--model", model]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stderr or ():
                if found := re.search(r"serving (http://\S+);", line):
                    yield process.pid, found[1]
                    return
            raise RuntimeError("the server did not start")
        finally:
            process.terminate()


def body_of(photo: bytes) -> bytes:
    """Return the body of a form with a photo."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    return head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()


async def loaded(
    address: str,
    bodies: Sequence[bytes],
    truths: Sequence[str],
    num_clients: int,
    *,
    seconds: float = math.inf,
    num_requests: float = math.inf,
) -> Load:
    """Send photos by so many clients, each its next one when it has the answer to the last.

    Args:
        address: of the server.
        bodies: forms with a photo each.
        truths: SHA-256 of their masks.
        num_clients: clients at once.
        seconds: time after which no request is sent any more.
        num_requests: most requests.
    """
    load, numbers = Load(), count()
    start = time.perf_counter()
    limits = httpx2.Limits(max_connections=num_clients, max_keepalive_connections=num_clients)
    async with httpx2.AsyncClient(base_url=address, timeout=120, limits=limits) as client:

        async def one() -> None:
            for number in numbers:
                begun = time.perf_counter()
                if begun - start > seconds or number >= num_requests:
                    return
                i = number % len(bodies)
                answer = await client.post("/v1/masks", content=bodies[i], headers=HEADERS)
                load.statuses[answer.status_code] += 1
                if answer.status_code == 200:
                    load.times.append(time.perf_counter() - begun)
                    load.wrong += hashlib.sha256(answer.content).hexdigest() != truths[i]

        await asyncio.gather(*(one() for _ in range(num_clients)))
    load.seconds = time.perf_counter() - start
    return load


def made(photo: bytes, segmenter: Segmenter) -> bytes:
    """Return the file of a photo's mask, made as the server makes it."""
    options = MaskOptions()
    prediction = segmenter.predict(decode_photo(photo, "a.jpg"), options)
    expected_of(prediction, measured_interval(segmenter, options))
    (file,) = encoded(photo, "a.jpg", prediction, segmenter, options, [MASK])
    return file


def own_rate(photos: Sequence[bytes], segmenter: Segmenter, seconds: float) -> float:
    """Return the photos a second that the engine does without a server."""
    start = time.perf_counter()
    ends: list[float] = []
    for _ in map_photos(partial(made, segmenter=segmenter), cycle(photos)):
        ends.append(time.perf_counter() - start)
        if ends[-1] > seconds:
            break
    return len(ends) / ends[-1]


def resident_megabytes(process: int) -> float:
    """Return the resident memory of a process."""
    text = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else math.nan


@app.default
def main(
    photos: list[Path],
    /,
    *,
    clients: tuple[int, ...] = (1, 4, 16),
    overload: int = 36,
    seconds: float = 10,
    most: int = 32,
    model: str = DEFAULT_MODEL,
    requests: int = 0,
) -> None:
    """Print requests a second beside the engine's own rate, and the server's memory.

    Args:
        photos: photos, or folders of them.
        clients: how many clients send photos at once, a row each.
        overload: clients that are more than the server takes.
        seconds: time of a row, and of each measurement of the engine alone.
        most: most photos that are sent, again and again.
        model: folder of a model, or the name of one that comes with the package.
        requests: photos that are sent while the memory is noted; 0 for none.
    """
    files = [path.read_bytes() for path in islice(find_photos(*photos), most)]
    segmenter = Segmenter.load(model)
    truths = [sha256(made(file, segmenter)) for file in files]
    bodies = [body_of(file) for file in files]
    with serving(model) as (process, address):
        send: Send = partial(loaded, address, bodies, truths)
        rows = []
        before = own_rate(files, segmenter, seconds)
        for num in (*clients, overload):
            load = asyncio.run(send(num, seconds=seconds))
            after = own_rate(files, segmenter, seconds)
            rows.append(row_of(num, load, statistics.mean((before, after))))
            before = after
        print(of_model(segmenter.model, len(files)))
        print(table(ROW, rows))
        if requests:
            print(table(("requests", "resident MB"), memory_rows(process, send, requests)))


ROW = ("clients", "masks/s", "engine alone/s", "share", "median ms", "p99 ms", "503", "wrong")


def row_of(num: int, load: Load, own: float) -> list[str]:
    """Return the row of a load beside the engine's own rate."""
    others = sum(load.statuses.values()) - load.statuses[200] - load.statuses[503]
    median, late = (1000 * load.time_at(share) for share in (0.5, 0.99))
    share = f"{100 * load.rate / own:.0f} %"
    refused, wrong = str(load.statuses[503]), str(load.wrong + others)
    rates = [f"{load.rate:.1f}", f"{own:.1f}", share]
    return [str(num), *rates, f"{median:.0f}", f"{late:.0f}", refused, wrong]


def memory_rows(process: int, send: Send, num_requests: int) -> list[list[str]]:
    """Return the server's memory after each tenth of so many requests."""
    rows = [["0", f"{resident_megabytes(process):.0f}"]]
    for part in range(1, READINGS + 1):
        load = asyncio.run(send(4, num_requests=num_requests // READINGS))
        if load.wrong or set(load.statuses) != {200}:
            raise RuntimeError(f"{load.wrong} wrong masks, statuses {load.statuses}")
        done = part * num_requests // READINGS
        rows.append([str(done), f"{resident_megabytes(process):.0f}"])
    return rows


def sha256(data: bytes) -> str:
    """Return the hash of a mask."""
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    sys.exit(run(app))

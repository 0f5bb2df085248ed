"""How long a person waits for a stroke in `foveamask review`: from the request to its answer.

    foveamask demo-data studio --cars 2 --angles 5
    python -m benchmarks.stroke_times studio/train

The masks of some photos are made, and a server of their review is started in this process. Strokes
are sent to it one after another, each on a place that is least certain then, with all strokes
before it; then all are undone. Processor time is that of the whole process, and hardly depends on
what else the machine does.
"""

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from cyclopts import App

from benchmarks.markdown import of_model, table
from data.groups import CARVANA_GROUP
from data.images import read_photo
from data.masks import write_mask
from data.photo_files import PhotoFile, find_photo_files
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.inference.given_masks import given_masks
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.reviewing.batch import load_batch
from pipeline.reviewing.corrected_folder import CorrectedFolder
from pipeline.reviewing.desk import ReviewDesk
from pipeline.reviewing.review_app import ReviewCalls, review_app
from pipeline.reviewing.review_files import ReviewFolder
from pipeline.serving.photo_engine import PhotoEngine
from pipeline.serving.service_limits import ServiceLimits

app = App(name="python -m benchmarks.stroke_times", help_format="plaintext")

Seconds = tuple[float, float]

RADIUS = 3.0
LENGTH = 20.0


@app.default
def times(
    photos: Path, /, *, model: str = DEFAULT_MODEL, most: Count = 10, strokes: Count = 8
) -> None:
    """Print a table of times in milliseconds.

    Args:
        photos: folder of photos.
        model: the model.
        most: most photos.
        strokes: strokes on each of them.
    """
    segmenter = Segmenter.load(model)
    found = find_photo_files([photos])[:most]
    rows: dict[str, list[Seconds]] = {"a stroke": [], "an undo": []}
    with tempfile.TemporaryDirectory() as folder, served(segmenter, found, Path(folder)) as client:
        for photo in found:
            fields: dict[str, Any] = {"name": photo.name}
            state = client.get("/v1/review/photo", params=fields).json()
            for num in range(strokes):
                place = state["places"][num % len(state["places"])]
                x, y = place["x"] + place["side"] / 2, place["y"] + place["side"] / 2
                points = f"{x - LENGTH / 2},{y} {x + LENGTH / 2},{y}"
                line = {"label": "object", "points": points, "radius": RADIUS}
                rows["a stroke"].append(timed(client, "stroke", fields | line))
            for _ in range(strokes):
                rows["an undo"].append(timed(client, "undo", fields))
    print(of_model(segmenter.model, len(found)))
    headings = ["of", "number", "median, ms", "95 of 100 within, ms", "longest, ms"]
    headings += ["processor time: median, ms", "95 of 100 within, ms"]
    print(table(headings, [row(name, seconds) for name, seconds in rows.items()]))


def timed(client: httpx2.Client, path: str, fields: dict[str, Any]) -> Seconds:
    """Return the seconds from a request to its answer, and those of the processor."""
    start, cpu = time.perf_counter(), time.process_time()
    client.post(f"/v1/review/{path}", json=fields).raise_for_status()
    return time.perf_counter() - start, time.process_time() - cpu


def row(name: str, seconds: list[Seconds]) -> list[str]:
    """Return a row of the table."""
    wall, cpu = (sorted(column) for column in zip(*seconds, strict=True))
    late = int(0.95 * (len(wall) - 1))
    times = (statistics.median(wall), wall[late], wall[-1], statistics.median(cpu), cpu[late])
    return [name, f"{len(wall)}", *(f"{1000 * each:.0f}" for each in times)]


@contextmanager
def served(segmenter: Segmenter, photos: list[PhotoFile], folder: Path) -> Iterator[httpx2.Client]:
    """Serve a review of photos whose masks are made in `folder`; give a client of it."""
    for photo in photos:
        path = folder / f"{photo.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_mask(path, segmenter(read_photo(photo.path)))
    reviews, options = ReviewFolder.of(folder), MaskOptions()
    reviews.path.mkdir()
    kept, given = given_masks(photos, folder)
    batch = load_batch(kept, given, segmenter, options, group=CARVANA_GROUP, kept=reviews.expected)
    out = CorrectedFolder(folder / "corrected")
    desk = ReviewDesk.begin(segmenter, options, batch, reviews, out)
    engine = PhotoEngine(segmenter, ServiceLimits())
    engine.start()
    served_app = review_app(engine, "", ReviewCalls(desk, None, 0.99))
    server = uvicorn.Server(
        uvicorn.Config(served_app, port=0, log_config=None, lifespan="off", ws="none")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        engine.stop()


if __name__ == "__main__":
    sys.exit(run(app))

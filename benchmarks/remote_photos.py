"""What 30 ms of latency a request cost `predict`: photos and masks in a store, and on the disk.

    python -m benchmarks.remote_photos PHOTOS
    python -m benchmarks.remote_photos PHOTOS --latency 100

The store is memory that waits before each request. Photos are predicted from the disk to the disk,
from the store to the store, and from the store without fetching ahead, in turn. Waited is how long
threads that predict were without the photo that they were to work on. Listing and uploading count.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import BinaryIO

import fsspec
from cyclopts import App

from benchmarks.markdown import of_model, table
from data.photo_files import find_photo_files
from data.samples import find_photos
from data.stores import fetching
from data.stores.address import Address
from data.stores.object_mirror import ObjectMirror
from data.stores.object_store import ObjectStore
from data.stores.spool import spool
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.inference.cpu_setup import keep_freed_memory
from pipeline.inference.job import Job
from pipeline.inference.predict import predict_photos
from pipeline.inference.segmenter import Segmenter

app = App(name="remote_photos", help=__doc__, help_format="plaintext")


class WaitingStore(ObjectStore):
    """Objects in memory, each request for which takes some time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(fsspec.filesystem("memory"))
        self.seconds = seconds

    def read(self, address: Address, size: int) -> bytes:
        """Wait and read."""
        time.sleep(self.seconds)
        return super().read(address, size)

    def write(self, address: Address, data: bytes, *, is_new: bool = False) -> None:
        """Wait and write."""
        time.sleep(self.seconds)
        super().write(address, data, is_new=is_new)


class TimedMirror(ObjectMirror):
    """A mirror that adds up how long was waited for objects."""

    waited = 0.0

    def opened(self, path: Path) -> BinaryIO:
        """Return an object, open for reading."""
        began = time.perf_counter()
        try:
            return super().opened(path)
        finally:
            self.waited += time.perf_counter() - began


@app.default
def remote_photos(
    photos: Path,
    /,
    *,
    model: str = DEFAULT_MODEL,
    count: Count = 16,
    rounds: Count = 3,
    latency: float = 30.0,
) -> None:
    """Print the table.

    Args:
        photos: folder of photos.
        model: folder of a model, or the name of one that comes with the package.
        count: most photos.
        rounds: how often each way is timed; the median counts.
        latency: milliseconds that each request waits.
    """
    keep_freed_memory()
    segmenter = Segmenter.load(model, "cpu")
    chosen = find_photos(photos)[:count]
    store, ahead = WaitingStore(latency / 1000), fetching.AHEAD
    for photo in chosen:
        store.files.pipe_file(f"bucket/photos/{photo.name}", photo.read_bytes())

    def from_store(num_ahead: int) -> tuple[float, float]:
        fetching.AHEAD, began = num_ahead, time.perf_counter()
        with ExitStack() as stack:
            root = stack.enter_context(spool())
            mirrors = [_up(stack, store, root / name) for name in ("photos", "masks")]
            _predict(segmenter, mirrors[0].root, mirrors[1].root)
        return time.perf_counter() - began, mirrors[0].waited

    def from_disk() -> tuple[float, float]:
        with spool() as root:
            (root / "photos").mkdir()
            for photo in chosen:
                (root / "photos" / photo.name).symlink_to(photo.resolve())
            began = time.perf_counter()
            _predict(segmenter, root / "photos", root / "masks")
            return time.perf_counter() - began, 0.0

    ways: dict[str, Callable[[], tuple[float, float]]] = {
        "disk": from_disk,
        f"store, {latency:g} ms a request": lambda: from_store(ahead),
        "the same, without fetching ahead": lambda: from_store(0),
    }
    from_disk()  # or the first way would warm up for the others
    times: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, work in ways.items():
            times[way].append(work())
            if store.files.exists("/bucket/masks"):
                store.files.rm("/bucket/masks", recursive=True)
    rows = [
        (
            way,
            f"{len(chosen) / median(seconds for seconds, _ in measured):.2f}",
            f"{1000 * median(waited for _, waited in measured) / len(chosen):.1f}",
        )
        for way, measured in times.items()
    ]
    print(of_model(segmenter.model, len(chosen)))
    print(table(("photos and masks", "photos a second", "waited, ms a photo"), rows))


def _up(stack: ExitStack, store: WaitingStore, root: Path) -> TimedMirror:
    """Put a mirror up."""
    root.mkdir()
    place = Address("memory", f"bucket/{root.name}")
    mirror = TimedMirror(place, root, store, store.found(place))
    mirror.is_written = root.name == "masks"
    stack.enter_context(mirror.up())
    return mirror


def _predict(segmenter: Segmenter, photos: Path, out: Path) -> None:
    """Predict all photos."""
    outcome = predict_photos(find_photo_files([photos]), Job(out=out), segmenter)
    if outcome.failures:
        raise RuntimeError(str(outcome.failures))


if __name__ == "__main__":
    raise SystemExit(run(app))

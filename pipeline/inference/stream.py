"""Many photos: read, predicted and finished concurrently, with results in the order of the photos.

On a CPU, one thread takes a photo through all steps, and there are as many threads as cores. On a
GPU, some threads read photos in advance. Two threads compute batches of photos of one size: while
one batch is computed, the next is copied to the GPU. Other threads finish the results. All queues
are bounded, so memory does not grow with the number of photos. Photos that are so large that all
threads together would take more than half of the memory are predicted one at a time.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from queue import SimpleQueue
from typing import Protocol, TypeVar

import torch

from data.errors import InputError
from data.memory import BYTES_A_PIXEL, MemoryGate
from data.threads import is_of_disk, map_threads, named, raise_first, unexpected
from pipeline.inference.cpu_setup import in_one_thread, opencv_in_one_thread
from pipeline.inference.prediction import Prediction


class Source(Protocol):
    """A photo, (H, W, 3), perhaps with what else its prediction is made from."""

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the photo."""


T = TypeVar("T")
S = TypeVar("S", bound=Source)
Result = TypeVar("Result")
Read = tuple[T, S | InputError]
Predicted = tuple[T, Prediction | InputError]
Predict = Callable[[Sequence[S]], list[Prediction]]

PHOTOS_A_BATCH = 8
"""Most photos that a GPU computes together."""

PIXELS_A_BATCH = 20_000_000
"""Most pixels of a batch, unless a single photo has more. Logits are on the GPU at the photos' own
size, 4 bytes a pixel."""

BATCHES_AT_ONCE = 2
"""One batch is computed while another is copied. At most three batches are on the GPU, and one
photo per core that is being finished."""


@dataclass(frozen=True)
class PhotoThreads:
    """The threads of a CPU that work on photos, one photo each."""

    number: int | None = None
    """As many as this process has cores if it is None."""
    memory: MemoryGate = field(default_factory=MemoryGate)
    """Shared by streams that run at the same time."""


def predict_stream(
    items: Iterable[T],
    read: Callable[[T], S],
    predict: Predict[S],
    finish: Callable[[T, Prediction], Result],
    device: torch.device,
    threads: PhotoThreads | None = None,
) -> Generator[Result | InputError, None, None]:
    """Yield the result of `finish` for each item, in the order of the items.

    If an item fails, an `InputError` is yielded in place of its result, and the other items are
    still processed. Only errors of the disk are raised: they are no fault of one photo. Closing
    the generator waits for items that are being processed.

    Args:
        items: the items to process; `str` of one is its name in messages.
        read: returns what an item is predicted from, such as its photo, (H, W, 3) uint8 RGB.
        predict: returns the predictions of photos of one size.
        finish: called with an item and its prediction.
        device: device on which `predict` computes.
        threads: those of a CPU; by default as many as this process has cores.
    """
    if device.type != "cpu":
        yield from predict_stream_batched(items, read, predict, finish, device)
        return

    threads = threads or PhotoThreads()

    def work(item: T) -> Result:
        photo = read(item)
        with threads.memory.holding(photo.shape[0] * photo.shape[1] * BYTES_A_PIXEL):
            (prediction,) = predict([photo])
            return finish(item, prediction)

    yield from map_photos(named(work), items, threads.number)


def map_photos(
    work: Callable[[T], Result], items: Iterable[T], num_workers: int | None = None
) -> Generator[Result | InputError, None, None]:
    """Call `work` on several items at once and yield the results in order.

    An `InputError` is yielded instead of the result, so that the other items are still processed.

    Args:
        work: called in threads, with one item per call.
        items: the items to process.
        num_workers: number of items at once; by default as many as this process has cores.
    """
    with opencv_in_one_thread():
        yield from map_threads(in_one_thread(work), items, num_workers)


def predict_stream_batched(
    items: Iterable[T],
    read: Callable[[T], S],
    predict: Predict[S],
    finish: Callable[[T, Prediction], Result],
    device: torch.device,
) -> Generator[Result | InputError, None, None]:
    """Do the same as `predict_stream`, in three steps with threads of their own."""
    named_read = named(read)

    def read_one(item: T) -> Read[T, S]:
        try:
            return item, named_read(item)
        except InputError as error:
            return item, error

    def finish_one(pair: Predicted[T]) -> Result:
        item, prediction = pair
        if isinstance(prediction, InputError):
            raise prediction
        return finish(item, prediction)

    read_ahead = in_one_thread(read_one)
    compute = in_one_thread(partial(predicted_batch, predict=predict, device=device))
    write = in_one_thread(named(finish_one, lambda pair: pair[0]))
    with (
        opencv_in_one_thread(),
        closing(raise_first(map_threads(read_ahead, items))) as photos,
        closing(
            raise_first(map_threads(compute, batches(photos), BATCHES_AT_ONCE, ahead=1))
        ) as predicted,
        closing(
            map_threads(write, (pair for batch in predicted for pair in batch), ahead=1)
        ) as results,
    ):
        yield from results


def predicted_batch(
    batch: Sequence[Read[T, S]], predict: Predict[S], device: torch.device
) -> list[Predicted[T]]:
    """Return the prediction, or the error, of each item of a batch."""
    photos = [photo for _, photo in batch if not isinstance(photo, InputError)]
    try:
        with borrowed_stream(device):
            predictions = iter(predict(photos) if photos else [])
    except InputError as error:
        return [(item, error) for item, _ in batch]
    except Exception as error:
        if is_of_disk(error):
            raise
        if len(batch) > 1:  # perhaps only together they need too much memory
            return [pair for one in batch for pair in predicted_batch([one], predict, device)]
        return [(item, unexpected(item, error)) for item, _ in batch]
    return [
        (item, photo if isinstance(photo, InputError) else next(predictions))
        for item, photo in batch
    ]


def batches(photos: Iterable[Read[T, S]]) -> Iterator[list[Read[T, S]]]:
    """Group consecutive photos of the same size into batches.

    An item that could not be read is put into the batch of its neighbours.
    """
    batch: list[Read[T, S]] = []
    shape: tuple[int, ...] = ()
    for item, photo in photos:
        new = () if isinstance(photo, InputError) else photo.shape
        if batch and (len(batch) >= most_together(shape) or (new and shape and new != shape)):
            yield batch
            batch, shape = [], ()
        batch.append((item, photo))
        shape = new or shape
    if batch:
        yield batch


def most_together(shape: tuple[int, ...]) -> int:
    """Return the largest number of photos of `shape` in a batch; () if no shape is known yet."""
    pixels = shape[0] * shape[1] if shape else 1
    return min(PHOTOS_A_BATCH, max(1, PIXELS_A_BATCH // pixels))


@contextmanager
def borrowed_stream(device: torch.device) -> Iterator[None]:
    """Run this thread's GPU work on a separate stream, and wait for it at the end."""
    if device.type != "cuda":
        yield
        return
    free = _streams(device)
    stream = free.get()
    try:
        stream.wait_stream(torch.cuda.current_stream(device))  # on which the weights were copied
        with torch.cuda.stream(stream):
            yield
        stream.synchronize()
    finally:
        free.put(stream)


@cache
def _streams(device: torch.device) -> "SimpleQueue[torch.cuda.Stream]":
    """Return the streams of `device`; they are reused, because each stream caches memory."""
    free: SimpleQueue[torch.cuda.Stream] = SimpleQueue()
    for _ in range(BATCHES_AT_ONCE):
        free.put(torch.cuda.Stream(device))
    return free

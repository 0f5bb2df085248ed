"""Many photos: read, segmented and finished side by side, results in the order of the photos.

On a CPU each photo is worked on from the first step to the last in one thread, and there are as
many threads as cores. On a GPU threads read ahead, two others keep the card busy with batches of
photos of one size, so that one copies and launches while the other computes, and threads finish
behind. Everything that waits is bounded: memory does not grow with the number of photos.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from queue import SimpleQueue
from typing import TypeVar

import torch

from data.arrays import Photo
from data.errors import InputError
from data.threads import map_threads, raise_first
from pipeline.inference.cpu_setup import in_one_thread, opencv_in_one_thread
from pipeline.inference.prediction import Prediction

T = TypeVar("T")
Result = TypeVar("Result")
Read = tuple[T, Photo | InputError]
Predicted = tuple[T, Prediction | InputError]
Predict = Callable[[Sequence[Photo]], list[Prediction]]

PHOTOS_A_BATCH = 8
"""Most photos that a GPU computes together."""

PIXELS_A_BATCH = 20_000_000
"""Most pixels of them, unless a single photo has more: their logits are on the card at their own
size, 4 bytes a pixel."""

BATCHES_AT_ONCE = 2
"""One that the card computes, and one that is copied to it or waited for meanwhile. Three at most
are on the card, and a photo for each core, which is being finished."""


def predict_stream(
    items: Iterable[T],
    read: Callable[[T], Photo],
    predict: Predict,
    finish: Callable[[T, Prediction], Result],
    device: torch.device,
) -> Generator[Result | InputError, None, None]:
    """Give what `finish` makes of the prediction of each item, in the order of the items.

    An `InputError` is given in the place of the result, so that the others go on; any other
    exception is raised. Closing the generator waits for what is being worked on.

    Args:
        items: what to work on.
        read: gives the photo of an item, (H, W, 3) uint8 RGB.
        predict: gives the predictions of photos of one size.
        finish: called with an item and its prediction.
        device: where `predict` computes.
    """
    if device.type != "cpu":
        yield from predict_stream_batched(items, read, predict, finish, device)
        return

    def work(item: T) -> Result:
        (prediction,) = predict([read(item)])
        return finish(item, prediction)

    yield from map_photos(work, items)


def map_photos(
    work: Callable[[T], Result], items: Iterable[T], num_workers: int | None = None
) -> Generator[Result | InputError, None, None]:
    """Call `work` on several items at once and give the results in order.

    An `InputError` is given in the place of the result, so that the others go on.

    Args:
        work: called in threads, one item a call.
        items: what to work on.
        num_workers: how many items at once; by default as many as this process has cores.
    """
    with opencv_in_one_thread():
        yield from map_threads(in_one_thread(work), items, num_workers)


def predict_stream_batched(
    items: Iterable[T],
    read: Callable[[T], Photo],
    predict: Predict,
    finish: Callable[[T, Prediction], Result],
    device: torch.device,
) -> Generator[Result | InputError, None, None]:
    """Do what `predict_stream` does in three steps, each of which has its own threads."""

    def read_one(item: T) -> Read[T]:
        try:
            return item, read(item)
        except InputError as error:
            return item, error

    def predict_some(batch: Sequence[Read[T]]) -> list[Predicted[T]]:
        photos = [photo for _, photo in batch if not isinstance(photo, InputError)]
        try:
            with borrowed_stream(device):
                found = iter(predict(photos) if photos else [])
        except InputError as error:
            return [(item, error) for item, _ in batch]
        return [
            (item, photo if isinstance(photo, InputError) else next(found)) for item, photo in batch
        ]

    def finish_one(pair: Predicted[T]) -> Result:
        item, prediction = pair
        if isinstance(prediction, InputError):
            raise prediction
        return finish(item, prediction)

    read_ahead = in_one_thread(read_one)
    compute, write = in_one_thread(predict_some), in_one_thread(finish_one)
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


def batches(photos: Iterable[Read[T]]) -> Iterator[list[Read[T]]]:
    """Give neighbours of the same size, as many as go together.

    What could not be read goes along with its neighbours.
    """
    batch: list[Read[T]] = []
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
    """Return how many photos of `shape` make a batch; of none, if it is not known yet."""
    pixels = shape[0] * shape[1] if shape else 1
    return min(PHOTOS_A_BATCH, max(1, PIXELS_A_BATCH // pixels))


@contextmanager
def borrowed_stream(device: torch.device) -> Iterator[None]:
    """Let this thread's work on a GPU go beside that of the others; wait for it in the end."""
    if device.type != "cuda":
        yield
        return
    free = _streams(device)
    stream = free.get()
    try:
        stream.wait_stream(torch.cuda.current_stream(device))  # which made the weights
        with torch.cuda.stream(stream):
            yield
        stream.synchronize()
    finally:
        free.put(stream)


@cache
def _streams(device: torch.device) -> "SimpleQueue[torch.cuda.Stream]":
    """Return the streams of `device`: the same ones always, since each keeps memory of its own."""
    free: SimpleQueue[torch.cuda.Stream] = SimpleQueue()
    for _ in range(BATCHES_AT_ONCE):
        free.put(torch.cuda.Stream(device))
    return free

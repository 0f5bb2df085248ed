"""Many photos: read, segmented and finished side by side, results in the order of the photos.

On a CPU each photo is worked on from the first step to the last in one thread, and there are as
many threads as cores. On a GPU threads read ahead, two others keep the card busy with batches of
photos of one size, so that one copies and launches while the other computes, and threads finish
behind. Everything that waits is bounded: memory does not grow with the number of photos.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from data.errors import InputError
from data.parallel import in_threads
from pipeline.parallel import one_thread_each, side_by_side
from pipeline.segmenter import Prediction

Photo = NDArray[np.uint8]
T = TypeVar("T")
Result = TypeVar("Result")

PHOTOS_A_BATCH = 8
"""Most photos that a GPU computes together. Some six of these batches are on the card at a time."""

BATCHES_AT_ONCE = 2
"""One whose results are waited for, and one that the card computes meanwhile."""

_OWN = threading.local()

Predict = Callable[[Sequence[Photo]], list[Prediction]]


def segmented(
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
    if device.type == "cpu":

        def work(item: T) -> Result:
            (prediction,) = predict([read(item)])
            return finish(item, prediction)

        yield from side_by_side(work, items)
        return
    yield from in_batches(items, read, predict, finish, device)


def in_batches(
    items: Iterable[T],
    read: Callable[[T], Photo],
    predict: Predict,
    finish: Callable[[T, Prediction], Result],
    device: torch.device,
) -> Generator[Result | InputError, None, None]:
    """Do what `segmented` does in three steps, each of which has its own threads."""

    def read_one(item: T) -> tuple[T, Photo | InputError]:
        try:
            return item, read(item)
        except InputError as error:
            return item, error

    def predict_some(
        batch: Sequence[tuple[T, Photo | InputError]],
    ) -> list[tuple[T, Prediction | InputError]]:
        photos = [photo for _, photo in batch if not isinstance(photo, InputError)]
        with own_stream(device):
            found = iter(predict(photos) if photos else [])
        return [
            (item, photo if isinstance(photo, InputError) else next(found)) for item, photo in batch
        ]

    def finish_one(pair: tuple[T, Prediction | InputError]) -> Result:
        item, prediction = pair
        if isinstance(prediction, InputError):
            raise prediction
        return finish(item, prediction)

    with (
        one_thread_each(),
        closing(whole(in_threads(read_one, items))) as photos,
        closing(whole(in_threads(predict_some, batches(photos), BATCHES_AT_ONCE))) as predicted,
        closing(in_threads(finish_one, (pair for some in predicted for pair in some))) as results,
    ):
        yield from results


def batches(
    pairs: Iterable[tuple[T, Photo | InputError]],
) -> Iterator[list[tuple[T, Photo | InputError]]]:
    """Give neighbours whose photos have the same size, at most `PHOTOS_A_BATCH` together.

    What could not be read goes along with its neighbours.
    """
    batch: list[tuple[T, Photo | InputError]] = []
    shape: tuple[int, ...] | None = None
    for item, photo in pairs:
        new = None if isinstance(photo, InputError) else photo.shape
        if batch and (len(batch) == PHOTOS_A_BATCH or (new and shape and new != shape)):
            yield batch
            batch, shape = [], None
        batch.append((item, photo))
        shape = new or shape
    if batch:
        yield batch


def whole(
    results: Generator[Result | InputError, None, None],
) -> Generator[Result, None, None]:
    """Give results among which there are no errors, because the work catches its own."""
    with closing(results):
        for result in results:
            if isinstance(result, InputError):
                raise result
            yield result


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """Let this thread's work on a GPU go beside that of the others; wait for it in the end."""
    if device.type != "cuda":
        yield
        return
    if not hasattr(_OWN, "stream"):  # one a thread for good: each keeps memory of its own
        _OWN.stream = torch.cuda.Stream(device)
    with torch.cuda.stream(_OWN.stream):
        yield
    _OWN.stream.synchronize()

"""The worker threads of a server, and who may wait for them.

One photo takes one thread, as in `predict` on a CPU. The loop that serves connections never
computes: it counts, and awaits.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from data.arrays import Photo
from data.errors import InputError
from data.images import TOO_MANY_PIXELS, decode_photo
from data.memory import BYTES_A_PIXEL, MemoryGate
from pipeline.inference.cpu_setup import in_one_thread, opencv_in_one_thread
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.serving.api_error import ApiError, bad, busy, too_large
from pipeline.serving.form_fields import Upload
from pipeline.serving.service_limits import ServiceLimits

T = TypeVar("T")

UNREADABLE = "failed_to_read_image"


@dataclass(frozen=True)
class Predicted:
    """A photo that was uploaded, with its prediction."""

    upload: Upload
    options: MaskOptions
    prediction: Prediction


class PhotoEngine:
    """A model, threads that run it, and a bounded number of photos that wait for one."""

    def __init__(self, segmenter: Segmenter, limits: ServiceLimits) -> None:
        self.segmenter = segmenter
        self.limits = limits
        self.is_ready = False
        self._setup = ExitStack()
        self._pool = ThreadPoolExecutor(limits.num_workers, "photo")
        self._memory = MemoryGate()
        self._lock = threading.Lock()
        self._num_photos = 0
        self._num_bytes = 0

    def start(self) -> None:
        """Set the process up, and run the model once in each thread."""
        self._setup.enter_context(opencv_in_one_thread())
        blank = np.zeros((64, 64, 3), np.uint8)
        warm_up = in_one_thread(self.segmenter.predict)
        all_at_once = threading.Barrier(self.limits.num_workers)

        def once(_: object) -> None:
            all_at_once.wait()
            warm_up(blank)

        list(self._pool.map(once, range(self.limits.num_workers)))
        self.is_ready = True

    def stop(self) -> None:
        """Finish the photos that are worked on, and drop those that wait."""
        self.is_ready = False
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._setup.close()

    @property
    def num_photos(self) -> int:
        """Photos that are worked on or wait."""
        return self._num_photos

    def check_free(self) -> None:
        """Raise if one more photo may not wait.

        Raises:
            ApiError: there are too many; the status is 503.
        """
        if self._num_photos >= self.limits.num_workers + self.limits.num_waiting:
            raise busy()

    @contextmanager
    def holding(self, num_bytes: int) -> Iterator[None]:
        """Hold as many bytes of memory for a request.

        Raises:
            ApiError: all requests together would take too many; the status is 503.
        """
        with self._lock:
            if self._num_bytes and self._num_bytes + num_bytes > self.limits.max_bytes_at_once:
                raise busy()
            self._num_bytes += num_bytes
        try:
            yield
        finally:
            with self._lock:
                self._num_bytes -= num_bytes

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns in a worker thread.

        If the caller is cancelled, work that has not begun never does. Work that has is finished,
        and keeps its place until then.

        Raises:
            ApiError: too many photos are waiting; the status is 503.
        """
        with self._lock:
            self.check_free()
            self._num_photos += 1
        try:
            future = self._pool.submit(in_one_thread(lambda _: work()), None)
        except BaseException:
            self._leave()
            raise
        future.add_done_callback(lambda _: self._leave())
        return await asyncio.wrap_future(future)

    def _leave(self) -> None:
        with self._lock:
            self._num_photos -= 1

    def predicting(
        self, upload: Upload, options: MaskOptions, finish: Callable[[Predicted], T]
    ) -> T:
        """Return what `finish` makes of a photo; to be called in a worker thread.

        Raises:
            ApiError: the photo is too large, or cannot be read.
        """

        def work(photo: Photo) -> T:
            return finish(Predicted(upload, options, self.segmenter.predict(photo, options)))

        return self.with_photo(upload, work)

    def with_photo(self, upload: Upload, work: Callable[[Photo], T]) -> T:
        """Return what `work` makes of the pixels of a photo; to be called in a worker thread.

        Raises:
            ApiError: the photo is too large or cannot be read, or `work` raises an `InputError`.
        """
        photo = self.decode(upload)
        with self._memory.holding(photo.shape[0] * photo.shape[1] * BYTES_A_PIXEL):
            try:
                return work(photo)
            except ApiError:
                raise
            except InputError as error:
                raise bad("invalid_parameter", str(error)) from error

    def decode(self, upload: Upload) -> Photo:
        """Return the pixels of an uploaded picture; its size is checked before it is decoded.

        Raises:
            ApiError: it is too large, or cannot be read.
        """
        if len(upload.data) > self.limits.max_bytes:
            raise too_large(self.limits.max_bytes)
        try:
            return decode_photo(upload.data, upload.name, self.limits.max_pixels)
        except InputError as error:
            code = "resolution_too_high" if TOO_MANY_PIXELS in str(error) else UNREADABLE
            raise bad(code, str(error)) from error

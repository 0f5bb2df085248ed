"""Who does the work on the photos of a call: the threads of this process, or others."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from data.errors import InputError
from data.photo_files import PhotoFile
from data.threads import map_threads
from pipeline.inference.job import Job
from pipeline.inference.made_with import MadeWith
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.photo_work import PhotoWork, Worker
from pipeline.inference.records import Record
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import predict_stream


class Crew(Protocol):
    """Writes the results of photos."""

    def held(
        self, known: Mapping[PhotoFile, Record]
    ) -> Generator[tuple[PhotoFile, bool], None, None]:
        """Yield of each photo whether it and its results have the hashes in its record."""

    def results(
        self, photos: Sequence[PhotoFile], goes_on: Callable[[], bool]
    ) -> Generator[tuple[PhotoFile, Record | InputError], None, None]:
        """Yield what becomes of each photo; see `Run.predict`."""


@dataclass(frozen=True)
class ThreadCrew:
    """The threads of this process; photos come in their order."""

    job: Job
    segmenter: Segmenter
    options: MaskOptions
    making: MadeWith

    def held(
        self, known: Mapping[PhotoFile, Record]
    ) -> Generator[tuple[PhotoFile, bool], None, None]:
        """Yield of each photo whether it and its results have the hashes in its record."""
        worker = Worker(self.job, self.making)
        with closing(map_threads(worker.is_done, known.items())) as results:
            for photo, same in zip(known, results, strict=True):
                yield photo, same is True  # it is an InputError if a file cannot be read

    def results(
        self, photos: Sequence[PhotoFile], goes_on: Callable[[], bool]
    ) -> Generator[tuple[PhotoFile, Record | InputError], None, None]:
        """Yield what becomes of each photo: predicted, or its given mask refined."""
        works = (PhotoWork(photo) for photo in photos if goes_on())
        with closing(self._stream(works)) as results:
            yield from zip(photos, results, strict=False)

    def _stream(
        self, works: Generator[PhotoWork, None, None]
    ) -> Generator[Record | InputError, None, None]:
        worker, segmenter, options = Worker(self.job, self.making), self.segmenter, self.options
        given = self.job.given
        if given is None:
            predict = partial(segmenter.predict_batch, options=options)
            return predict_stream(works, worker.read, predict, worker.write, segmenter.device)
        read = partial(worker.read_masked, given=given)
        refine = partial(given.refine, segmenter=segmenter, options=options)
        return predict_stream(works, read, refine, worker.write, segmenter.device)

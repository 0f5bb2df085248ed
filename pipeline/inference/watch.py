"""Work on photos as they arrive in folders, until somebody says that it is enough."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Protocol

from data.errors import InputError
from data.photo_files import PhotoFile
from pipeline.inference.arrivals import Arrivals
from pipeline.inference.job import Job
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions
from pipeline.inference.outputs import check_files
from pipeline.inference.prediction_run import Failure, Outcome, Run, begun
from pipeline.inference.segmenter import Segmenter
from pipeline.progress import progress

log = logging.getLogger(__name__)

LEAST_PAUSE = 1.0
"""Least seconds between two looks at the folders."""

PAUSE_SHARE = 5.0
"""Seconds of pause for each second that a look takes, so that large folders take no core."""

MANY = 50
"""Photos at once for which progress is shown."""


class Stop(Protocol):
    """Tells when to stop."""

    @property
    def is_set(self) -> bool:
        """Whether it is time."""

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than until it is time."""


def watch_photos(
    arrivals: Arrivals,
    job: Job,
    segmenter: Segmenter,
    options: MaskOptions = DEFAULT_OPTIONS,
    *,
    stop: Stop,
    on_failure: Callable[[Failure], None],
) -> Outcome:
    """Write the results of each photo that arrives until `stop`; return what has come of them.

    A photo that fails is tried again once its file changes. Results that are there already are
    kept. Tables are written at the end.

    Args:
        arrivals: the photos.
        job: what is written, and where to; it cannot begin the folder anew.
        segmenter: model and runtime.
        options: how masks are made.
        stop: tells when to stop; photos that are begun are finished first.
        on_failure: called with each photo that fails, at once.

    Raises:
        InputError: for the reasons given at `Job.check` and `begun`.
    """
    job.check(arrivals.photos)
    was_ours, names, num_left = job.is_resumed, dict[str, PhotoFile](), 0
    with begun(job, segmenter, options) as run:
        while not stop.is_set:
            started = time.monotonic()
            arrived = arrivals.look()
            pause = max(LEAST_PAUSE, PAUSE_SHARE * (time.monotonic() - started))
            photos = [photo for photo in arrived if _has_place(photo, names, run, was_ours)]
            num_left = _work_on(photos, run, stop)
            _forget_gone(run)
            for photo in arrived:
                if photo in run.failures:
                    on_failure(run.failures[photo])
            stop.wait(pause)
        _forget_gone(run)
        job.write_tables(run.done, run.interval)
    log.info("stopped: %d photos are done, %d failed", len(run.done), len(run.failures))
    if num_left or arrivals.num_waiting:
        num = num_left + arrivals.num_waiting
        log.info("%d more are there, or still grow; the same command goes on with them", num)
    return run.outcome()


def _forget_gone(run: Run) -> None:
    """Forget the failures of photos that are not there any more."""
    for photo in [photo for photo in run.failures if not photo.path.exists()]:
        del run.failures[photo]


def _has_place(photo: PhotoFile, names: dict[str, PhotoFile], run: Run, was_ours: bool) -> bool:
    """Whether results of a photo would replace nothing else; if they would, it has failed.

    Args:
        photo: a photo that has arrived.
        names: all photos so far by the names of their results; it is added.
        run: the state of the call.
        was_ours: whether the folder of results had some before.
    """
    other = names.get(photo.name)
    try:
        if other is not None and other != photo and other.path.exists():
            raise InputError(
                f"results of {photo} would replace those of {other}; rename one of the photos"
            )
        is_ours = was_ours or photo.name in run.records.found
        for output in run.job.outputs:
            check_files(run.job.out, [photo], output, is_ours=is_ours)
    except InputError as error:
        run.note(photo, error)
        return False
    names[photo.name] = photo
    return True


def _work_on(photos: Sequence[PhotoFile], run: Run, stop: Stop) -> int:
    """Write the results of photos that have arrived; return how many were not begun."""
    remaining = run.take_over(photos)
    if not remaining:
        return 0
    with progress("predicting") if len(remaining) >= MANY else nullcontext(_silent) as on_photo:
        num_ended = run.predict(remaining, on_photo, lambda: not stop.is_set)
    num_done = num_ended - sum(photo in run.failures for photo in remaining)
    log.info("%d of %d new photos are done, %d in all", num_done, len(remaining), len(run.done))
    return len(remaining) - num_ended


def _silent(num: int, num_all: int) -> None:
    """Show no progress."""

"""Many photos, from file to file: check, read, predict, write.

Photos are processed concurrently; results are in the order of the photos. Each finished photo is
recorded in the folder of the results, so that any call can be resumed. A `Job` says what is
written, `Run` is the state of a call, `photo_work` has the work on each photo.
"""

import logging
import time
from collections.abc import Sequence

from data.photo_files import PhotoFile
from pipeline.inference.job import Job
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions
from pipeline.inference.prediction_run import Others, Outcome, Run, begun
from pipeline.inference.segmenter import Segmenter
from pipeline.progress import progress

log = logging.getLogger(__name__)

LEFT_ALONE = (
    "%d other results in %s, such as that of %s, are left as they are: they may have been made "
    "with another model or other options"
)


def predict_photos(
    photos: Sequence[PhotoFile],
    job: Job,
    segmenter: Segmenter,
    options: MaskOptions = DEFAULT_OPTIONS,
    others: Others | None = None,
) -> Outcome:
    """Write the results of each photo; return what has come of them.

    Results that an earlier call made of the same photos with the same model and options are kept.

    Args:
        photos: the photos, those of the job's part if it has one.
        job: what is written, and where to.
        segmenter: model and runtime.
        options: how masks are made.
        others: other machines that do the work; by default threads of this process do.

    Raises:
        InputError: for the reasons given at `Job.check` and `begun`.
    """
    job.check(photos)
    with begun(job, segmenter, options, others) as run:
        left_alone = run.records.forgotten - {photo.name for photo in photos}
        if left_alone:
            log.warning(LEFT_ALONE, len(left_alone), job.out, min(left_alone))
        remaining = run.take_over(photos)
        if remaining:
            predict_remaining(remaining, run)
        run.put_in_order(photos)
        job.write_tables(run.done, run.interval)
    return run.outcome()


def predict_remaining(photos: Sequence[PhotoFile], run: Run) -> None:
    """Predict `photos`, which are left of a call, with progress and a summary."""
    num_before, started = len(run.done), time.monotonic()
    with progress("predicting") as on_photo:
        num_all = num_before + len(photos)
        run.predict(photos, lambda num, _: on_photo(num_before + num, num_all))
    seconds, num = time.monotonic() - started, len(run.done) - num_before
    log.info("%d of %d photos in %.1f s, %.2f a second", num, len(photos), seconds, num / seconds)

"""What `predict` does: all photos that there are, those that arrive, or one in a pipe."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError, SettingsError
from pipeline.cli.arguments import MaskArguments
from pipeline.cli.cluster_option import check_clustered, cluster_for, scheduler_of
from pipeline.cli.given_mask_arguments import GivenMaskArguments
from pipeline.cli.output_arguments import OutputArguments
from pipeline.cli.program import RESUME, RESUME_OVERWRITING, answer, report, resumable
from pipeline.cli.report_option import drawing, write_page
from pipeline.cli.reviewed_option import mended_in
from pipeline.cli.run_arguments import RunArguments
from pipeline.cli.signals import stop_signal
from pipeline.cli.standard_streams import STDIN, STREAM, check_output, read_input, write_output

if TYPE_CHECKING:
    from data.photo_files import PhotoFile
    from pipeline.inference.cluster.scheduler import Scheduler
    from pipeline.inference.prediction_run import Failure, Outcome
    from pipeline.inference.run_file import Call
    from pipeline.inference.segmenter import Segmenter

log = logging.getLogger(__name__)

MAY_BE_BELOW = "%d of %d masks may have a Dice below %g%s"

MOST_LISTED = 100
"""Most arguments that the list of calls repeats."""


@dataclass(frozen=True)
class Request:
    """The command line of `predict`."""

    photos: Sequence[Path]
    out: Path
    run: RunArguments
    results: OutputArguments
    arguments: MaskArguments
    given: GivenMaskArguments | None = None
    """Masks that are refined instead of predicted."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def call(self) -> "Call":
        """Return what is said of it beside the results."""
        from pipeline.inference.run_file import Call

        places = {"photos": self.photos[:MOST_LISTED], "out": self.out}
        given = places | asdict(self.run) | asdict(self.results) | asdict(self.arguments)
        if self.given is not None:
            given |= {"masks": self.given.place} | asdict(self.given.refining)
        return Call(given, self.arguments.model, self.started)

    def segmenter(self) -> "Segmenter":
        """Return the model on its device; on a CPU if other machines compute."""
        is_far = self.run.cluster is not None
        return (replace(self.arguments, device="cpu") if is_far else self.arguments).segmenter()


def predict_all(request: Request) -> int:
    """Predict all photos, or a part of them; return the exit status.

    Raises:
        InputError: for the reasons given at `predict_photos`.
        SettingsError: options contradict each other.
    """
    from data.photo_files import find_photo_files

    found = find_photo_files(request.photos, request.out)  # before what takes seconds to import
    if request.run.cluster is not None:
        check_clustered(request.results.maker())
    with scheduler_of(request.run.cluster) as scheduler:
        return _predict_found(found, request, scheduler)


def _predict_found(
    found: "list[PhotoFile]", request: Request, scheduler: "Scheduler | None"
) -> int:
    """Predict the photos that were found, by the workers of a cluster if there is a scheduler."""
    from pipeline.inference.cpu_setup import keep_freed_memory
    from pipeline.inference.outputs import check_names
    from pipeline.inference.predict import predict_photos

    keep_freed_memory()
    maker, run = request.results.maker(), request.run
    job = replace(run.job(request.out, maker.without_boxes(request.out)), call=request.call())
    if request.given is not None:
        found, given = request.given.masks(found)
        job = replace(job, given=given)
    if job.part is not None:
        check_names(job.out, found, job.outputs)
        keys = zip(found, maker.keys(found), strict=True)
        found = [photo for photo, key in keys if job.part.has(key)]
    job.check(found)
    with drawing(run.report and run.report.absolute(), job, found) as (job, drawn):
        options, segmenter = request.arguments.options(), request.segmenter()
        others = None
        if scheduler is not None:
            others = cluster_for(scheduler, request.arguments, request.results, maker, job.observe)
        with resumable(RESUME_OVERWRITING if job.overwrite else RESUME):
            if run.reviewed is not None:
                job = replace(job, mending=mended_in(run.reviewed, job, found, segmenter, options))
            job = replace(job, outputs=maker.outputs(found, job, segmenter, options))
            outcome = predict_photos(found, job, segmenter, options, others)
            write_page(drawn, job, outcome, segmenter, options)
    for failure in outcome.failures:
        report(failure.reason)
    return _status(outcome, run)


def predict_arriving(request: Request) -> int:
    """Predict the photos in folders and those that arrive there, until a signal comes.

    Raises:
        InputError: for the reasons given at `watch_photos`, or a path is no folder.
        SettingsError: options contradict each other.
    """
    maker, run = request.results.maker(), request.run
    if maker.shares_boxes:
        raise SettingsError("--crop group takes all photos of a group at once: use --crop object")
    for folder in request.photos:
        if not folder.is_dir():
            raise InputError(f"--watch takes folders, and {folder} is none")
    from pipeline.inference.arrivals import Arrivals
    from pipeline.inference.cpu_setup import keep_freed_memory
    from pipeline.inference.watch import watch_photos

    def on_failure(failure: "Failure") -> None:
        report(failure.reason)

    keep_freed_memory()
    job = replace(run.job(request.out, maker.without_boxes(request.out)), call=request.call())
    arrivals = Arrivals(request.photos, request.out, job.part)
    job.check(arrivals.photos)
    with drawing(run.report, job, arrivals.photos) as (job, drawn):
        options, segmenter = request.arguments.options(), request.arguments.segmenter()
        with resumable(), stop_signal() as stop:
            log.info("watching %s; Ctrl-C stops", ", ".join(map(str, request.photos)))
            outcome = watch_photos(
                arrivals, job, segmenter, options, stop=stop, on_failure=on_failure
            )
            write_page(drawn, job, outcome, segmenter, options)
    return _status(outcome, run)


def predict_streamed(request: Request) -> int:
    """Write the result of one photo to standard output; return the exit status.

    Raises:
        InputError: the photo cannot be read.
        SettingsError: options contradict each other, or there is more than one photo or result.
    """
    maker, photos = request.results.maker(), request.photos
    if request.out != STREAM:
        raise SettingsError(
            "a photo from standard input has no name for its results: give - as OUT as well, as in "
            "`foveamask predict - - > mask.png`"
        )
    if len(photos) != 1 or len(maker.names) != 1:
        raise SettingsError("standard output takes one result of one photo; name a folder for OUT")
    if maker.shares_boxes:
        raise SettingsError("--crop group is of several photos: use --crop object")
    request.run.check_streamed()
    check_output()
    name, data = _read(photos[0])
    from pipeline.inference.one_photo import result_of

    (output,) = maker.without_boxes(None)
    options, segmenter = request.arguments.options(), request.arguments.segmenter()
    limit = request.run.fail_under
    result = result_of(data, name, segmenter, options, output, with_dice=limit is not None)
    write_output(result.data)
    is_unknown = result.is_known is False
    if is_unknown:
        log.warning("the photo is unlike those that the model was trained on: it may be wrong")
    is_below = limit is not None and result.expected and result.expected.may_be_below(limit)
    if is_below:
        log.warning(MAY_BE_BELOW, 1, 1, limit, f": {result.expected}")
    return 1 if is_below or (request.run.fail_unknown and is_unknown) else 0


def _read(photo: Path) -> tuple[str, bytes]:
    """Return the name of a photo in messages, and its file.

    Raises:
        InputError: it cannot be read.
    """
    from data.files import read_bytes
    from data.photo_files import check_photo

    if photo == STREAM:
        return STDIN, read_input()
    if photo.is_dir():
        raise InputError(f"{photo} is a folder, and standard output takes one result of one photo")
    check_photo(photo)
    return str(photo), read_bytes(photo)


def _status(outcome: "Outcome", run: RunArguments) -> int:
    """Return the exit status, and list the photos whose masks may be too bad."""
    num_below = 0 if run.fail_under is None else _list_below(outcome, run.fail_under)
    return 1 if outcome.failures or (run.fail_unknown and outcome.unknown) or num_below else 0


def _list_below(outcome: "Outcome", limit: float) -> int:
    """Print the photos whose masks may have a Dice below `limit`, and return their number."""
    from pipeline.inference.expected import below

    found = below(outcome.records, limit, outcome.interval)
    for photo, expected in found.items():
        answer(f"{photo}: {expected}")
    log.info(MAY_BE_BELOW, len(found), len(outcome.records), limit, "")
    return len(found)

"""What `predict` does: all photos that there are, those that arrive, or one in a pipe."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError, SettingsError
from pipeline.cli.arguments import MaskArguments
from pipeline.cli.given_mask_arguments import GivenMaskArguments
from pipeline.cli.output_arguments import OutputArguments
from pipeline.cli.program import RESUME, RESUME_OVERWRITING, report, resumable
from pipeline.cli.run_arguments import RunArguments
from pipeline.cli.signals import stop_signal
from pipeline.cli.standard_streams import STDIN, STREAM, check_output, read_input, write_output

if TYPE_CHECKING:
    from pipeline.inference.prediction_run import Failure, Outcome

log = logging.getLogger(__name__)


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


def predict_all(request: Request) -> int:
    """Predict all photos, or a part of them; return the exit status.

    Raises:
        InputError: for the reasons given at `predict_photos`.
        SettingsError: options contradict each other.
    """
    from data.photo_files import find_photo_files

    found = find_photo_files(request.photos, request.out)  # before what takes seconds to import
    from pipeline.inference.cpu_setup import keep_freed_memory
    from pipeline.inference.predict import predict_photos

    keep_freed_memory()
    maker, run = request.results.maker(), request.run
    job = run.job(request.out, maker.without_boxes())
    if request.given is not None:
        found, given = request.given.masks(found)
        job = replace(job, given=given)
    job.check(found)
    if job.part is not None:
        keys = zip(found, maker.keys(found), strict=True)
        found = [photo for photo, key in keys if job.part.has(key)]
    options, segmenter = request.arguments.options(), request.arguments.segmenter()
    with resumable(RESUME_OVERWRITING if job.overwrite else RESUME):
        outputs = maker.outputs(found, job, segmenter, options)
        outcome = predict_photos(found, replace(job, outputs=outputs), segmenter, options)
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
    job = run.job(request.out, maker.without_boxes())
    arrivals = Arrivals(request.photos, request.out, job.part)
    job.check(arrivals.photos)
    options, segmenter = request.arguments.options(), request.arguments.segmenter()
    with resumable(), stop_signal() as stop:
        log.info("watching %s; Ctrl-C stops", ", ".join(map(str, request.photos)))
        outcome = watch_photos(arrivals, job, segmenter, options, stop=stop, on_failure=on_failure)
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

    (output,) = maker.without_boxes()
    options, segmenter = request.arguments.options(), request.arguments.segmenter()
    result, is_known = result_of(data, name, segmenter, options, output)
    write_output(result)
    if is_known is False:
        log.warning("the photo is unlike those that the model was trained on: it may be wrong")
    return 1 if request.run.fail_unknown and is_known is False else 0


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
    return 1 if outcome.failures or (run.fail_unknown and outcome.unknown) else 0

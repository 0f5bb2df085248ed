"""Many photos, from file to file: check, read, predict, write.

Photos are processed concurrently; results are in the order of the photos. Each finished photo is
recorded in the folder of the results, so that any call can be resumed.
"""

import logging
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from data import kaggle_csv
from data.arrays import Photo
from data.errors import InputError
from data.files import read_bytes, write_bytes
from data.images import decode_photo
from data.tables import prepare_table, reserved
from data.threads import map_threads
from pipeline.inference.expected import EXPECTED_COLUMNS, write_expected
from pipeline.inference.manifest import (
    MANIFEST,
    Record,
    Records,
    bytes_hash,
    file_hash,
    made_with,
    resumed,
)
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions
from pipeline.inference.outputs import (
    OUTPUTS,
    Finished,
    Output,
    check_results,
    join,
    prepare_folder,
)
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import predict_stream
from pipeline.progress import progress

log = logging.getLogger(__name__)

LEFT_ALONE = (
    "%d other results in %s, such as that of %s, are left as they are: they may have been made "
    "with another model or other options"
)


UNKNOWN = (
    "%d of %d photos, such as %s, are unlike those that the model was trained on: their masks may "
    "be wrong, and how good they are is not known"
)


@dataclass(frozen=True)
class Failure:
    """A photo that could not be read or predicted, and why."""

    photo: Path
    reason: str


@dataclass(frozen=True)
class Outcome:
    """The photos of a call that need a look."""

    failures: list[Failure]
    """Photos without a mask."""
    unknown: list[Path]
    """Photos unlike those that the model was trained on: their masks may be wrong."""


@dataclass
class Job:
    """A photo that is being processed."""

    photo: Path
    sha256: str = ""
    """Hash of its file, once it has been read."""
    data: bytes = b""
    """Its file, if an output needs it."""

    def __str__(self) -> str:
        return str(self.photo)


@dataclass(frozen=True)
class Writer:
    """What is written for each photo, and where to."""

    out: Path
    outputs: Sequence[Output]
    with_dice: bool
    """Whether the expected Dice is recorded."""

    def read(self, job: Job) -> Photo:
        """Return the pixels of a photo, and store what is needed of its file in `job`.

        Raises:
            InputError: it cannot be read.
        """
        data = read_bytes(job.photo)
        job.sha256 = bytes_hash(data)
        if any(output.needs_file for output in self.outputs):
            job.data = data
        return decode_photo(data, str(job.photo))

    def write(self, job: Job, prediction: Prediction) -> Record:
        """Write the results of one photo and return its record."""
        finished, hashes = Finished(job.photo, prediction, job.data), {}
        for output in self.outputs:
            data = output.encode(finished)
            path = output.path(self.out, job.photo)
            write_bytes(path, data, is_durable=False)  # the next call checks its hash
            hashes[output.key(job.photo)] = bytes_hash(data)
        dice = prediction.predicted_dice if self.with_dice else None
        return Record(job.sha256, hashes, dice, prediction.is_known)

    def is_done(self, item: tuple[Path, Record]) -> bool:
        """Whether a photo and the files written for it have the hashes in its record.

        Raises:
            InputError: one of them cannot be read.
        """
        photo, record = item
        written = {output.key(photo): output.path(self.out, photo) for output in self.outputs}
        if written.keys() != record.outputs.keys():
            return False
        # The photo is hashed last, because it is the largest file.
        return (
            record.outputs == {key: file_hash(path) for key, path in written.items()}
            and file_hash(photo) == record.photo
        )


def predict_photos(  # noqa: PLR0913  what, where and how, and the tables beside
    photos: Sequence[Path],
    out: Path,
    segmenter: Segmenter,
    options: MaskOptions = DEFAULT_OPTIONS,
    *,
    outputs: Sequence[Output] = OUTPUTS,
    csv_path: Path | None = None,
    expected: Path | None = None,
    overwrite: bool = False,
) -> Outcome:
    """Write the results of each photo, by default `out`/<stem>.png; return what needs a look.

    Results that an earlier call made of the same photos with the same model and options are kept.

    Args:
        photos: the photos.
        out: folder for the results.
        segmenter: model and runtime.
        options: how masks are made.
        outputs: what is written for each photo; each of several in a folder of its own, see
            `pipeline.inference.outputs.in_folders`.
        csv_path: Kaggle csv to write as well, with a row for each photo that could be read.
        expected: csv to write with the Dice that the model expects of each mask, lowest first.
        overwrite: make all results anew, even if those in `out` have another model or other
            options.

    Raises:
        InputError: the refined stage is requested, but the model has no refiner; `out` holds the
            photos; results would overwrite other pictures or each other; `out` has results of
            another model or other options, or another process is writing to it or one of the
            tables; a table would overwrite another file or needs masks that are not written; or
            the name of a photo cannot be written to a csv.
    """
    making = made_with(segmenter, options, outputs)
    check_results(out, photos, outputs, is_ours=(out / MANIFEST).exists())
    check_tables(photos, csv_path, expected)
    masks = {output.name: output for output in outputs}.get("mask")
    if csv_path is not None and masks is None:
        raise InputError(f"{csv_path} is a csv of masks; add mask to the outputs")
    out.mkdir(parents=True, exist_ok=True)
    with (
        reserved(csv_path),
        reserved(expected),
        resumed(out, making, overwrite=overwrite) as records,
    ):
        for output in outputs:
            prepare_folder(out, output, is_new=not records.found)
        others = records.forgotten - {photo.stem for photo in photos}
        if others:
            log.warning(LEFT_ALONE, len(others), out, min(others))
        writer = Writer(out, outputs, with_dice=expected is not None)
        done = finished(photos, writer, records.found)
        remaining = [photo for photo in photos if photo not in done]
        results = predict_files(remaining, writer, segmenter, options)
        failures = gather(remaining, results, records, done)
        if csv_path is not None and masks is not None:
            with progress("writing the csv") as on_row:
                kaggle_csv.write(csv_path, (masks.path(out, photo) for photo in done), on_row)
        for output in outputs:
            join(out, output, [photo for photo in photos if photo in done])
        if expected is not None:
            write_expected(expected, done)
    unknown = [photo for photo, record in done.items() if record.is_known is False]
    if unknown:
        log.warning(UNKNOWN, len(unknown), len(done), unknown[0])
    return Outcome(failures, unknown)


def check_tables(photos: Iterable[Path], csv_path: Path | None, expected: Path | None) -> None:
    """Raise, before any work, if a table cannot be written after it.

    Raises:
        InputError: a table would overwrite another file, or the name of a photo cannot be written
            to a csv.
    """
    if csv_path is not None:
        prepare_table(csv_path, kaggle_csv.HEADER)
        kaggle_csv.check_names(photos)
    if expected is not None:
        prepare_table(expected, EXPECTED_COLUMNS[:2])
        if csv_path is not None and csv_path.resolve() == expected.resolve():
            raise InputError(f"{expected} cannot be both the csv of masks and that of their Dice")


def finished(
    photos: Sequence[Path], writer: Writer, found: Mapping[str, Record]
) -> dict[Path, Record]:
    """Return the records of those `photos` that earlier calls finished.

    Args:
        photos: the photos.
        writer: what is to be written; if the expected Dice is, a photo without it is unfinished.
        found: records of earlier calls, by the stem of the photo.
    """
    known = {photo: found[photo.stem] for photo in photos if photo.stem in found}
    if writer.with_dice:
        known = {
            photo: record for photo, record in known.items() if record.expected_dice is not None
        }
    if not known:
        return {}
    done: dict[Path, Record] = {}
    with (
        progress("checking what is done") as on_photo,
        closing(map_threads(writer.is_done, known.items())) as results,
    ):
        for i, ((photo, record), same) in enumerate(zip(known.items(), results, strict=True)):
            if same is True:  # it is an InputError if a file cannot be read
                done[photo] = record
            on_photo(i + 1, len(known))
    log.info("%d of %d photos are done already", len(done), len(photos))
    if len(done) < len(known):
        log.info("%d others were, but photo or mask has changed since", len(known) - len(done))
    return done


def predict_files(
    photos: Iterable[Path], writer: Writer, segmenter: Segmenter, options: MaskOptions
) -> Generator[Record | InputError, None, None]:
    """Write the results of each photo; yield its record, or its error, in order."""
    predict = partial(segmenter.predict_batch, options=options)
    jobs = map(Job, photos)
    return predict_stream(jobs, writer.read, predict, writer.write, segmenter.device)


def gather(
    photos: Sequence[Path],
    results: Generator[Record | InputError, None, None],
    records: Records,
    done: dict[Path, Record],
) -> list[Failure]:
    """Add each result of `photos` to `records` and `done`; return the failures."""
    failures: list[Failure] = []
    num_before, started = len(done), time.monotonic()
    with closing(results), progress("predicting") as on_photo:
        for i, (photo, result) in enumerate(zip(photos, results, strict=True)):
            if isinstance(result, InputError):
                failures.append(Failure(photo, str(result)))
            else:
                records.add(photo.stem, result)
                done[photo] = result
            on_photo(num_before + i + 1, num_before + len(photos))
    if photos:
        seconds, num = time.monotonic() - started, len(photos) - len(failures)
        log.info(
            "%d of %d photos in %.1f s, %.2f a second", num, len(photos), seconds, num / seconds
        )
    return failures

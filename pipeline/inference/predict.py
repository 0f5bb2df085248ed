"""Many photos, from file to file: check, read, predict, write.

Photos are processed concurrently; results are in the order of the photos. Each finished photo is
recorded in the folder of the results, so that any call can be resumed.
"""

import csv
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
from data.pairing import true_masks
from data.printable import cell
from data.tables import prepare_table, replacing_table
from data.threads import map_threads
from pipeline.inference.manifest import Record, Records, bytes_hash, file_hash, made_with, resumed
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions
from pipeline.inference.outputs import MASK, OUTPUTS, check_out, check_replaced
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import predict_stream
from pipeline.progress import progress

log = logging.getLogger(__name__)

EXPECTED_COLUMNS = ("photo", "expected_dice")

LEFT_ALONE = (
    "%d other results in %s, such as that of %s, are left as they are: they may have been made "
    "with another model or other options"
)


@dataclass(frozen=True)
class Failure:
    """A photo that could not be read, and why."""

    photo: Path
    reason: str


@dataclass
class Job:
    """A photo that is being processed."""

    photo: Path
    sha256: str = ""
    """Hash of its file, once it has been read."""

    def __str__(self) -> str:
        return str(self.photo)


def predict_photos(
    photos: Sequence[Path],
    out: Path,
    segmenter: Segmenter,
    options: MaskOptions = DEFAULT_OPTIONS,
    *,
    csv_path: Path | None = None,
    expected: Path | None = None,
    overwrite: bool = False,
) -> list[Failure]:
    """Write the mask of each photo to `out`/<stem>.png and return those that failed.

    Masks that an earlier call made of the same photos with the same model and options are kept.

    Args:
        photos: the photos.
        out: folder for the masks.
        segmenter: model and runtime.
        options: how masks are made.
        csv_path: Kaggle csv to write as well, with a row for each photo that could be read.
        expected: csv to write with the Dice that the model expects of each mask, lowest first.
        overwrite: make all masks anew, even if those in `out` have another model or other options.

    Raises:
        InputError: the refined stage is requested, but the model has no refiner; `out` holds the
            photos; masks would overwrite other pictures or each other; `out` has masks of another
            model or other options, or another process is writing to it; a table would overwrite
            another file; or the name of a photo cannot be written to a csv.
    """
    making = made_with(segmenter, options, OUTPUTS)
    check_out(out, photos, true_masks(photos))
    check_replaced(output.path(out, photo) for output in OUTPUTS for photo in photos)
    check_tables(photos, csv_path, expected)
    out.mkdir(parents=True, exist_ok=True)
    with resumed(out, making, overwrite=overwrite) as records:
        others = records.forgotten - {photo.stem for photo in photos}
        if others:
            log.warning(LEFT_ALONE, len(others), out, min(others))
        done = finished(photos, out, records.found, with_dice=expected is not None)
        remaining = [photo for photo in photos if photo not in done]
        results = predict_files(remaining, out, segmenter, options, with_dice=expected is not None)
        failures = gather(remaining, results, records, done)
        if csv_path is not None:
            with progress("writing the csv") as on_row:
                kaggle_csv.write(csv_path, (MASK.path(out, photo) for photo in done), on_row)
        if expected is not None:
            write_expected(expected, done)
    return failures


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
        prepare_table(expected, EXPECTED_COLUMNS)
        if csv_path is not None and csv_path.resolve() == expected.resolve():
            raise InputError(f"{expected} cannot be both the csv of masks and that of their Dice")


def finished(
    photos: Sequence[Path], out: Path, found: Mapping[str, Record], *, with_dice: bool
) -> dict[Path, float | None]:
    """Return the `photos` that earlier calls finished, each with its expected Dice if it is known.

    Args:
        photos: the photos.
        out: folder of the masks.
        found: records of earlier calls, by the stem of the photo.
        with_dice: whether a photo without an expected Dice counts as unfinished.
    """
    known = {photo: found[photo.stem] for photo in photos if photo.stem in found}
    if with_dice:
        known = {
            photo: record for photo, record in known.items() if record.expected_dice is not None
        }
    if not known:
        return {}
    done: dict[Path, float | None] = {}
    with (
        progress("checking what is done") as on_photo,
        closing(map_threads(partial(is_done, out=out), known.items())) as results,
    ):
        for i, ((photo, record), same) in enumerate(zip(known.items(), results, strict=True)):
            if same is True:  # it is an InputError if a file cannot be read
                done[photo] = record.expected_dice
            on_photo(i + 1, len(known))
    log.info("%d of %d photos are done already", len(done), len(photos))
    if len(done) < len(known):
        log.info("%d others were, but photo or mask has changed since", len(known) - len(done))
    return done


def is_done(item: tuple[Path, Record], out: Path) -> bool:
    """Whether a photo and the files written for it to `out` have the hashes in its record.

    Raises:
        InputError: one of them cannot be read.
    """
    photo, record = item
    written = {output.name: output.path(out, photo) for output in OUTPUTS}
    # The photo is hashed last, because it is the largest file.
    return (
        record.outputs == {name: file_hash(path) for name, path in written.items()}
        and file_hash(photo) == record.photo
    )


def predict_files(
    photos: Iterable[Path],
    out: Path,
    segmenter: Segmenter,
    options: MaskOptions,
    *,
    with_dice: bool,
) -> Generator[Record | InputError, None, None]:
    """Write the results of each photo to `out`; yield its record, or its error, in order."""
    predict = partial(segmenter.predict_batch, options=options)
    finish = partial(write_results, out=out, with_dice=with_dice)
    return predict_stream(map(Job, photos), read_job, predict, finish, segmenter.device)


def read_job(job: Job) -> Photo:
    """Return the pixels of a photo, and store the hash of its file in `job`.

    Raises:
        InputError: it cannot be read.
    """
    data = read_bytes(job.photo)
    job.sha256 = bytes_hash(data)
    return decode_photo(data, str(job.photo))


def write_results(job: Job, prediction: Prediction, out: Path, *, with_dice: bool) -> Record:
    """Write the results of one photo to the folder `out` and return its record."""
    hashes = {}
    for output in OUTPUTS:
        data = output.encode(prediction)
        write_bytes(output.path(out, job.photo), data)
        hashes[output.name] = bytes_hash(data)
    return Record(job.sha256, hashes, prediction.predicted_dice if with_dice else None)


def gather(
    photos: Sequence[Path],
    results: Generator[Record | InputError, None, None],
    records: Records,
    done: dict[Path, float | None],
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
                done[photo] = result.expected_dice
            on_photo(num_before + i + 1, num_before + len(photos))
    if photos:
        seconds, num = time.monotonic() - started, len(photos) - len(failures)
        log.info(
            "%d of %d photos in %.1f s, %.2f a second", num, len(photos), seconds, num / seconds
        )
    return failures


def write_expected(path: Path, dice: Mapping[Path, float | None]) -> None:
    """Write the expected Dice of photos to a csv file, lowest first."""
    rows = sorted((value or 0.0, photo.name) for photo, value in dice.items())
    with replacing_table(path, EXPECTED_COLUMNS) as file:
        table = csv.writer(file)
        table.writerow(EXPECTED_COLUMNS)
        table.writerows([cell(name), f"{value:.6f}"] for value, name in rows)

"""Many photos: masks to a folder, run lengths to a csv.

Photos are worked on side by side; results come in the order that the photos are given in.
"""

import csv
import hashlib
import json
import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from data import rle
from data.errors import InputError
from data.files import replacing_table
from data.images import read_photo
from data.kaggle_csv import RowJournal, check_names
from data.samples import true_masks
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions
from pipeline.inference.outputs import MASK, check_out, check_replaced
from pipeline.inference.segmenter import Prediction, Segmenter
from pipeline.inference.stream import predict_stream
from pipeline.model import identity
from pipeline.progress import progress

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """A photo that could not be read, and why."""

    photo: Path
    reason: str


def predict_photos(
    photos: Sequence[Path],
    out: Path,
    segmenter: Segmenter,
    options: MaskOptions = DEFAULT_OPTIONS,
    *,
    csv_path: Path | None = None,
    expected: Path | None = None,
) -> list[Failure]:
    """Write the mask of each photo to `out`/<stem>.png and return those that failed.

    Args:
        photos: the photos.
        out: folder for the masks.
        segmenter: what makes them.
        options: how.
        csv_path: the Kaggle file to write as well, a row for each photo that could be read, whole
            or not at all. Rows of an interrupted call with the same model, options and folder are
            taken over if their masks are still there and no older than their photos.
        expected: a csv to write of the Dice that the model expects of each mask, the least first;
            no row is taken over then.

    Raises:
        InputError: the refined stage is asked of a model that has none, or masks would
            lie among the photos, replace other pictures, or take each other's place; or a photo
            has a name that no csv can hold.
    """
    segmenter.check_stage(options.stage)
    check_out(out, photos, true_masks(photos))
    check_replaced(MASK.path(out, photo) for photo in photos)
    check_names(map(row_name, photos) if csv_path is not None else ())
    out.mkdir(parents=True, exist_ok=True)

    predict = partial(segmenter.predict_batch, options=options)

    def finish(photo: Path, prediction: Prediction) -> tuple[str, float | None]:
        MASK.write(MASK.path(out, photo), prediction)
        runs = rle.encode(prediction.mask) if csv_path is not None else ""
        return runs, prediction.predicted_dice if expected is not None else None

    failures: list[Failure] = []
    expectations: list[tuple[float, str]] = []
    started = time.monotonic()
    with ExitStack() as stack:
        rows = None
        if csv_path is not None:
            told = fingerprint(segmenter, options, out)
            rows = stack.enter_context(closing(RowJournal(csv_path, told)))
        todo = left_to_do(photos, rows if expected is None else None, out)
        num_done = len(photos) - len(todo)
        on_photo = stack.enter_context(progress("predicting"))
        results = predict_stream(todo, read_photo, predict, finish, segmenter.device)
        stack.enter_context(closing(results))
        for i, (photo, result) in enumerate(zip(todo, results, strict=True)):
            if isinstance(result, InputError):
                failures.append(Failure(photo, str(result)))
            else:
                runs, dice = result
                expectations.append((dice or 0.0, photo.name))
                if rows is not None:
                    rows.append(row_name(photo), runs)
            on_photo(num_done + i + 1, len(photos))
        failed = {failure.photo for failure in failures}
        if rows is not None:
            rows.finish(sorted(row_name(photo) for photo in photos if photo not in failed))
    if expected is not None:
        write_expected(expected, expectations)
    seconds = time.monotonic() - started
    done = len(todo) - len(failures)
    log.info("%d of %d photos in %.1f s, %.2f a second", done, len(todo), seconds, done / seconds)
    return failures


def write_expected(path: Path, photos: Sequence[tuple[float, str]]) -> None:
    """Write the (expected Dice, name) of `photos` to a csv file, whole, the least first."""
    with replacing_table(path) as file:
        table = csv.writer(file)
        table.writerow(["photo", "expected_dice"])
        table.writerows([name, f"{dice:.6f}"] for dice, name in sorted(photos))


def fingerprint(segmenter: Segmenter, options: MaskOptions, out: Path) -> str:
    """Return a hash of all that the rows of a csv depend on beside the photos."""
    given = options.postprocess
    steps = segmenter.model.postprocess if given is None else given
    parts = {
        "model": identity(segmenter.model),
        "stage": segmenter.check_stage(options.stage),
        "budget": options.budget,
        "postprocess": [str(step) for step in steps],
        "out": str(out.resolve()),
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def left_to_do(photos: Sequence[Path], rows: RowJournal | None, out: Path) -> list[Path]:
    """Return the photos that an interrupted call has not done."""
    if rows is None:
        return list(photos)
    todo = [photo for photo in photos if not is_done(photo, rows, out)]
    if len(todo) < len(photos):
        log.info("going on after %d of %d photos", len(photos) - len(todo), len(photos))
    return todo


def is_done(photo: Path, rows: RowJournal, out: Path) -> bool:
    """Whether `photo` has a row, and a mask that is no older than itself."""
    mask = MASK.path(out, photo)
    if row_name(photo) not in rows or not mask.exists():
        return False
    return mask.stat().st_mtime_ns >= photo.stat().st_mtime_ns


def row_name(photo: Path) -> str:
    """Return what a csv calls `photo`."""
    return f"{photo.stem}.jpg"

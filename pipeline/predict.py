"""Many photos: masks to a folder, run lengths to a csv.

Photos are worked on side by side; results come in the order of their names.
"""

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from data import rle
from data.errors import InputError
from data.images import read_photo
from data.kaggle_csv import RowJournal
from data.masks import write_mask
from pipeline.model import identity
from pipeline.parallel import side_by_side
from pipeline.progress import progress
from pipeline.segmenter import Segmenter, Stage
from refine.postprocess import Step

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
    *,
    stage: Stage | None = None,
    budget: int | None = None,
    postprocess: Sequence[Step] | None = None,
    csv_path: Path | None = None,
) -> list[Failure]:
    """Write the mask of each photo to `out`/<stem>.png and return those that failed.

    With `csv_path`, the Kaggle file is written as well, a row for each photo that could be read,
    whole or not at all. Rows of an interrupted call with the same model, options and folder are
    taken over if their masks are still there and no older than their photos.

    Raises:
        InputError: the refined stage is asked of a model that has none, or masks would
            lie among the photos.
    """
    segmenter.check_stage(stage)
    check_targets(photos, out)
    out.mkdir(parents=True, exist_ok=True)

    def work(photo: Path) -> str:
        mask = segmenter(read_photo(photo), stage=stage, budget=budget, postprocess=postprocess)
        write_mask(mask_path(out, photo), mask)
        return rle.encode(mask) if csv_path is not None else ""

    failures: list[Failure] = []
    started = time.monotonic()
    with ExitStack() as stack:
        rows, todo = None, list(photos)
        if csv_path is not None:
            told = fingerprint(segmenter, stage, budget, postprocess, out)
            rows = stack.enter_context(closing(RowJournal(csv_path, told)))
            todo = [photo for photo in photos if not is_done(photo, rows, out)]
        num_done = len(photos) - len(todo)
        if num_done:
            log.info("going on after %d of %d photos", num_done, len(photos))
        on_photo = stack.enter_context(progress("predicting"))
        results = side_by_side(work, todo, segmenter.photos_at_once)
        stack.enter_context(closing(results))
        for i, (photo, result) in enumerate(zip(todo, results, strict=True)):
            if isinstance(result, InputError):
                failures.append(Failure(photo, str(result)))
            elif rows is not None:
                rows.append(row_name(photo), result)
            on_photo(num_done + i + 1, len(photos))
        if rows is not None:
            failed = {failure.photo for failure in failures}
            rows.finish(row_name(photo) for photo in photos if photo not in failed)
    seconds = time.monotonic() - started
    done = len(todo) - len(failures)
    log.info("%d of %d photos in %.1f s, %.2f a second", done, len(todo), seconds, done / seconds)
    return failures


def fingerprint(
    segmenter: Segmenter,
    stage: Stage | None,
    budget: int | None,
    postprocess: Sequence[Step] | None,
    out: Path,
) -> str:
    """Return a hash of all that the rows of a csv depend on beside the photos."""
    steps = segmenter.model.postprocess if postprocess is None else postprocess
    parts = {
        "model": identity(segmenter.model),
        "stage": segmenter.check_stage(stage),
        "budget": budget,
        "postprocess": [str(step) for step in steps],
        "out": str(out.resolve()),
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def is_done(photo: Path, rows: RowJournal, out: Path) -> bool:
    """Whether `photo` has a row, and a mask that is no older than itself."""
    mask = mask_path(out, photo)
    if row_name(photo) not in rows or not mask.exists():
        return False
    return mask.stat().st_mtime_ns >= photo.stat().st_mtime_ns


def row_name(photo: Path) -> str:
    """Return what a csv calls `photo`."""
    return f"{photo.stem}.jpg"


def check_targets(photos: Sequence[Path], out: Path) -> None:
    """Raise if masks would be written among the photos, over them or to be taken for them.

    Raises:
        InputError: they would.
    """
    if any(photo.parent.resolve() == out.resolve() for photo in photos):
        raise InputError(f"{out} holds the photos; name another folder for the masks")


def mask_path(out: Path, photo: Path) -> Path:
    """Return where the mask of `photo` goes."""
    return out / f"{photo.stem}.png"

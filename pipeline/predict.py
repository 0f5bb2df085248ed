"""Many photos: masks to a folder, run lengths to a csv.

Photos are worked on side by side; results come in the order of their names.
"""

import csv
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data import rle
from data.errors import InputError
from data.files import replacing
from data.images import read_photo
from data.masks import write_mask
from pipeline.parallel import side_by_side
from pipeline.progress import progress
from pipeline.segmenter import Segmenter, Stage

log = logging.getLogger(__name__)

CSV_HEADER = ("img", "rle_mask")


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
    csv_path: Path | None = None,
) -> list[Failure]:
    """Write the mask of each photo to `out`/<stem>.png and return those that failed.

    With `csv_path`, the Kaggle file is written as well, a row for each photo that could be read,
    whole or not at all.

    Raises:
        InputError: the refined stage is asked of a model that has none, or masks would
            lie among the photos.
    """
    segmenter.check_stage(stage)
    check_targets(photos, out)
    out.mkdir(parents=True, exist_ok=True)

    def work(photo: Path) -> str:
        mask = segmenter(read_photo(photo), stage=stage, budget=budget)
        write_mask(mask_path(out, photo), mask)
        return rle.encode(mask) if csv_path is not None else ""

    failures: list[Failure] = []
    started = time.monotonic()
    with ExitStack() as stack:
        table = stack.enter_context(_writing(csv_path)) if csv_path is not None else None
        on_photo = stack.enter_context(progress("predicting"))
        results = side_by_side(work, photos, segmenter.photos_at_once)
        stack.enter_context(closing(results))
        for i, (photo, result) in enumerate(zip(photos, results, strict=True)):
            if isinstance(result, InputError):
                failures.append(Failure(photo, str(result)))
            elif table is not None:
                table.writerow((f"{photo.stem}.jpg", result))
            on_photo(i + 1, len(photos))
    seconds = time.monotonic() - started
    done = len(photos) - len(failures)
    log.info("%d of %d photos in %.1f s, %.2f a second", done, len(photos), seconds, done / seconds)
    return failures


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


@contextmanager
def _writing(path: Path) -> Iterator[Any]:
    """Give the table of a csv file that is there once the block has ended well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        replacing(path) as partial,
        # Names of files need not be text; what is not goes through unchanged.
        partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(CSV_HEADER)
        yield table

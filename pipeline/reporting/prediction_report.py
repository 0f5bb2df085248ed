"""The report of masks whose truth is not known: the least certain first.

Pictures are drawn while photos are predicted, since the least certain place is known only then. Of
photos that an earlier call finished without drawing them, the picture of the whole photo is made
import logging
from the photo and its mask.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from data.errors import InputError
from data.images import read_photo
from data.masks import read_mask
from data.photo_files import PhotoFile
from data.threads import map_threads
from pipeline.dice_interval import LEVEL, DiceInterval
from pipeline.inference.expected import expectation
from pipeline.inference.job import Job
from pipeline.inference.prediction import Prediction
from pipeline.inference.prediction_run import Outcome
from pipeline.inference.records import Record
from pipeline.progress import progress
from pipeline.reporting.evaluation_report import UNLIKE
from pipeline.reporting.line_chart import histogram_of
from pipeline.reporting.photo_pictures import CAPTIONS_OF_UNSURE, unsure_pictures, whole_picture
from pipeline.reporting.report_folder import ReportFolder, picture_key
from pipeline.reporting.report_parts import (
    Column,
    Facts,
    Figure,
    Gallery,
    PhotoRow,
    Report,
    Section,
    Table,
)

log = logging.getLogger(__name__)

EARLIER = "from an earlier call"

EARLIER_NOTE = (
    "Predicted by a call without a report: the least certain place is not known any more."
)

MOST_FAILURES = 200
"""Most photos without a result that the page lists."""

NO_MASKS = (
    "%d of %d photos were predicted by an earlier call and have no masks that could be drawn; with "
    "--overwrite they are predicted again"
)

NOTE = (
    "Photos unlike those that the model was trained on come first, of which nothing can be "
    "expected, then the masks with the lowest expected Dice. Detached are the pixels of a mask "
    "that are not in its largest piece, such as specks."
)


@dataclass(frozen=True)
class Drawn:
    """A report whose photos are drawn while they are predicted, from several threads."""

    folder: ReportFolder

    def observe(self, record: Record, prediction: Prediction) -> None:
        """Draw a photo that has just been predicted."""
        key = key_of(record)
        if self.folder.pictures_of(key, CAPTIONS_OF_UNSURE) is None:
            self.folder.add_pictures(key, unsure_pictures(prediction))

    def write(self, job: Job, outcome: Outcome, facts: Sequence[tuple[str, str]]) -> None:
        """Write the page.

        Args:
            job: what was written for the photos, and where to.
            outcome: what has come of them.
            facts: what was run, and with what.
        """
        pictures = self._pictures(job, outcome.records)
        self.folder.write(report_of_outcome(outcome, pictures, facts))

    def _pictures(
        self, job: Job, records: Mapping[PhotoFile, Record]
    ) -> dict[PhotoFile, dict[str, str]]:
        """Return the pictures of photos; those that were not drawn are drawn now, if they can."""
        found: dict[PhotoFile, dict[str, str]] = {}
        for photo, record in records.items():
            for kinds in (CAPTIONS_OF_UNSURE, ("whole",)):
                names = self.folder.pictures_of(key_of(record), kinds)
                if names is not None:
                    found[photo] = names
                    break
        missing = {photo: record for photo, record in records.items() if photo not in found}
        if missing and job.masks is None:
            log.warning(NO_MASKS, len(missing), len(records))
        elif missing:
            draw = partial(self._draw_whole, job)
            with (
                progress("drawing photos of earlier calls") as on_photo,
                closing(map_threads(draw, missing.items())) as results,
            ):
                for i, (photo, drawn) in enumerate(zip(missing, results, strict=True), 1):
                    if not isinstance(drawn, InputError):
                        found[photo] = drawn
                    on_photo(i, len(missing))
        return found

    def _draw_whole(self, job: Job, item: tuple[PhotoFile, Record]) -> dict[str, str]:
        """Draw a photo with its mask from their files.

        Raises:
            InputError: one of them cannot be read.
        """
        photo, record = item
        if job.masks is None:
            raise InputError(f"{photo} has no mask")
        mask = read_mask(job.masks.path(job.out, photo.name))
        pictures = whole_picture(read_photo(photo.path), mask)
        return self.folder.add_pictures(key_of(record), pictures)


def key_of(record: Record) -> str:
    """Return the key of the pictures of a photo and its results."""
    results = [f"{name} {sha}" for name, sha in sorted(record.outputs.items())]
    return picture_key(record.photo, *results)


def report_of_outcome(
    outcome: Outcome,
    pictures: Mapping[PhotoFile, Mapping[str, str]],
    facts: Sequence[tuple[str, str]],
) -> Report:
    """Return the report of photos that have been predicted.

    Args:
        outcome: what has come of them.
        pictures: names of the files of their pictures.
        facts: what was run, and with what.
    """
    rows = [
        _row(photo, record, outcome.interval, pictures.get(photo))
        for photo, record in outcome.records.items()
    ]
    known = [row for row in rows if row.values[0] is not None]
    tiles = [value for row in rows if (value := row.values[2]) is not None]
    num_unlike = sum(UNLIKE in row.marks for row in rows)
    numbers = [
        ("photos with results", str(len(rows))),
        ("photos without", str(len(outcome.failures))),
        ("unlike the photos of training", str(num_unlike)),
    ]
    expected = [value for row in known if (value := row.values[0]) is not None]
    sections = [
        Section("What was run", [Facts([*facts, *numbers])]),
        Section(
            "Distributions",
            [
                Figure("Expected Dice: number of photos", histogram_of(expected, "expected Dice")),
                Figure("Refined tiles: number of photos", histogram_of(tiles, "tiles of a photo")),
            ],
            _interval_note(outcome.interval),
        ),
        *_failure_sections(outcome),
    ]
    columns = (
        Column("expected Dice", 4, "low"),
        Column(f"true in {LEVEL:.0%} from", 4, "low"),
        Column("tiles", 0, "high"),
        Column("detached, px", 0, "high"),
    )
    gallery = Gallery("Photos", NOTE, columns, rows, CAPTIONS_OF_UNSURE)
    lead = f"Masks of {len(rows)} photos. What is expected of them is the model's own estimate."
    return Report("Predicted masks", lead, sections, gallery)


def _row(
    photo: PhotoFile,
    record: Record,
    interval: DiceInterval | None,
    pictures: Mapping[str, str] | None,
) -> PhotoRow:
    expected = expectation(record, interval)
    low = None if expected.interval is None else expected.interval[0]
    tiles, detached = (
        None if number is None else float(number) for number in (record.tiles, record.detached)
    )
    marks, note = [UNLIKE] if record.is_known is False else [], ""
    if pictures is None or "spot" not in pictures:
        marks.append(EARLIER)
        note = EARLIER_NOTE
    return PhotoRow(photo.file, [expected.dice, low, tiles, detached], marks, pictures, note)


def _interval_note(interval: DiceInterval | None) -> str:
    if interval is None:
        return (
            "The interval around the expected Dice is not known; `foveamask calibrate` fits it to "
            "photos with masks."
        )
    return f"The true Dice of {LEVEL:.0%} of photos is expected to be within their interval."


def _failure_sections(outcome: Outcome) -> list[Section]:
    failures = outcome.failures
    if not failures:
        return []
    rows = [[str(failure.photo), failure.reason] for failure in failures[:MOST_FAILURES]]
    note = f"{len(failures)} in all." if len(failures) > MOST_FAILURES else ""
    return [Section("Photos without results", [Table(["photo", "reason"], rows, 2)], note)]

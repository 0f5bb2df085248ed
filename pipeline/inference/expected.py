"""The Dice that a model expects of its masks: a table, and the masks that may be too bad."""

import csv
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data.photo_files import PhotoFile
from data.printable import cell
from data.tables import replacing_table
from pipeline import Stage
from pipeline.dice_interval import DiceInterval
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.records import Record
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model

log = logging.getLogger(__name__)

EXPECTED_COLUMNS = ("photo", "expected_dice", "low", "high", "known", "detached")

KNOWN = {True: "yes", False: "no", None: ""}
"""What the column `known` says; nothing if the model cannot tell."""

NO_INTERVAL = "%s: its ends are not known, and the expected Dice itself stands for the lower one"

NOT_FITTED = "the model has no interval around its expected Dice; `foveamask calibrate` fits it"

NOT_SO = (
    "the interval around the expected Dice is of masks without --stage, --budget and --postprocess"
)


@dataclass(frozen=True)
class Expectation:
    """What a model expects of a mask."""

    dice: float | None
    """From 0 to 1; None of a photo unlike those of training, of which nothing can be expected."""
    interval: tuple[float, float] | None = None
    """The ends that the true Dice lies between for `pipeline.dice_interval.LEVEL` of photos; None
    if that is not known."""

    def may_be_below(self, limit: float) -> bool:
        """Whether the true Dice may be below `limit`.

        It may be as low as the lower end or, without an interval, as the expected Dice.
        """
        if self.dice is None:
            return True
        return (self.dice if self.interval is None else self.interval[0]) < limit

    def __str__(self) -> str:
        if self.dice is None:
            return "unlike the photos of training, nothing can be expected"
        ends = "" if self.interval is None else " ({:.4f} to {:.4f})".format(*self.interval)
        return f"expected Dice {self.dice:.4f}{ends}"


def expectation(record: Record, interval: DiceInterval | None) -> Expectation:
    """Return what is expected of the mask of a photo whose expected Dice was recorded."""
    if record.is_known is False or record.expected_dice is None:
        return Expectation(None)
    dice = record.expected_dice
    return Expectation(dice, None if interval is None else interval.around(dice))


def interval_of(segmenter: Segmenter, options: MaskOptions) -> DiceInterval | None:
    """Return the interval of masks that are made with `options`; None, which is logged, if none.

    It was measured for masks that are made as the model makes them by default.
    """
    interval = measured_interval(segmenter, options)
    if interval is None:
        log.warning(NO_INTERVAL, NOT_FITTED if segmenter.model.dice_interval is None else NOT_SO)
    return interval


def measured_interval(segmenter: Segmenter, options: MaskOptions) -> DiceInterval | None:
    """Return what `interval_of` does, and log nothing."""
    is_default = _is_default(options, segmenter.model, segmenter.check_stage(None))
    return segmenter.model.dice_interval if is_default else None


def _is_default(options: MaskOptions, model: Model, last: Stage) -> bool:
    """Whether masks are made as `model` makes them by default."""
    return (
        options.stage in (None, last)
        and options.budget in (None, model.budget)
        and options.postprocess in (None, model.postprocess)
    )


def below(
    records: Mapping[PhotoFile, Record], dice: float, interval: DiceInterval | None
) -> dict[PhotoFile, Expectation]:
    """Return the photos whose masks may have a Dice below `dice`, the worst first.

    Photos unlike those of training are always among them.
    """
    found = {photo: expectation(record, interval) for photo, record in records.items()}
    bad = {photo: expected for photo, expected in found.items() if expected.may_be_below(dice)}
    return dict(sorted(bad.items(), key=lambda item: (item[1].dice or 0, str(item[0]))))


def write_expected(
    path: Path, records: Mapping[PhotoFile, Record], interval: DiceInterval | None = None
) -> None:
    """Write the expected Dice of photos to a csv file: unknown photos first, then the lowest Dice.

    What a model expects of a photo unlike those it was trained on means nothing. The Dice of such a
    photo is left empty. So are both ends where there is no `interval`.
    """
    ordered = sorted(
        records.items(),
        key=lambda item: (item[1].is_known is not False, item[1].expected_dice or 0, item[0].file),
    )
    # A table of a version with other columns after the first two is replaced too.
    with replacing_table(path, EXPECTED_COLUMNS[:2]) as file:
        table = csv.writer(file)
        table.writerow(EXPECTED_COLUMNS)
        for photo, record in ordered:
            expected = expectation(record, interval)
            values = (expected.dice, *(expected.interval or (None, None)))
            texts = ["" if value is None else f"{value:.6f}" for value in values]
            detached = "" if record.detached is None else str(record.detached)
            table.writerow([cell(photo.file), *texts, KNOWN[record.is_known], detached])

"""The table of the Dice that a model expects of its masks, for finding those to look at."""

import csv
from collections.abc import Mapping
from pathlib import Path

from data.photo_files import PhotoFile
from data.printable import cell
from data.tables import replacing_table
from pipeline.inference.records import Record

EXPECTED_COLUMNS = ("photo", "expected_dice", "known")

KNOWN = {True: "yes", False: "no", None: ""}
"""What the column `known` says; nothing if the model cannot tell."""


def write_expected(path: Path, records: Mapping[PhotoFile, Record]) -> None:
    """Write the expected Dice of photos to a csv file: unknown photos first, then the lowest Dice.

    What a model expects of a photo unlike those it was trained on means nothing. The Dice of such a
    photo is left empty.
    """
    ordered = sorted(
        records.items(),
        key=lambda item: (item[1].is_known is not False, item[1].expected_dice or 0, item[0].file),
    )
    # A table of a version without the last column is replaced too.
    with replacing_table(path, EXPECTED_COLUMNS[:2]) as file:
        table = csv.writer(file)
        table.writerow(EXPECTED_COLUMNS)
        for photo, record in ordered:
            dice = "" if record.is_known is False else f"{record.expected_dice or 0:.6f}"
            table.writerow([cell(photo.file), dice, KNOWN[record.is_known]])

"""The command `audit`: true masks that are probably wrong, ranked, as a page, a table and settings.

audit.csv      all photos that were judged, the most suspicious first
exclude.toml   the first of them, as the setting `data.exclude`
report/        the page
"""

import csv
import json
import logging
import math
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from data.arrays import Photo
from data.files import write_bytes
from data.geometry import Size
from data.images import read_photo
from data.printable import cell
from data.samples import Sample, check_fit, check_sizes, read_sample_mask
from data.tables import prepare_table, replacing_table
from data.threads import raise_first
from pipeline.auditing.disagreement import Disagreement, disagreement
from pipeline.auditing.honest_models import Judge
from pipeline.inference.devices import choose_device
from pipeline.inference.manifest import bytes_hash
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import predict_stream
from pipeline.progress import progress
from pipeline.reporting.photo_pictures import CROP, compared_pictures
from pipeline.reporting.report_folder import ReportFolder, picture_key, report_folder
from pipeline.reporting.report_parts import Column, Facts, Gallery, PhotoRow, Report, Section

log = logging.getLogger(__name__)

COLUMNS = ("photo", "score", "kind", "missing_px", "extra_px", "offset_px", "shift_px", "judge")

NOTE = (
    "The most suspicious masks come first. Blue is object by the mask alone, red by the network "
    "alone, wherever they differ; the score counts only where the network is sure. A contour that "
    "is a little wide or tight as a whole is no error. Look before you exclude: where the network "
    "is wrong, the mask may be right."
)

CAPTIONS = {
    "whole": "the true mask on the photo",
    "errors": "where they differ: red only in the predicted mask, blue only in the true one",
    "spot": "enlarged: the largest region that they disagree on",
    "spot_errors": "the same, with what differs",
}


@dataclass(frozen=True)
class Judged:
    """A photo whose mask was judged."""

    sample: Sample
    found: Disagreement
    judge: str
    pictures: dict[str, str] = field(default_factory=dict)


def prepare(out: Path) -> None:
    """Raise, before any work, if the results cannot be written to the folder `out`.

    Raises:
        InputError: another file is in the place of the table.
    """
    prepare_table(out / "audit.csv", COLUMNS[:2])


def audit(judges: Sequence[Judge], out: Path, device: str, top: float) -> list[Judged]:
    """Judge masks, write what was found to the folder `out`, and return the first of them.

    Args:
        judges: models with photos that they were not trained on.
        out: folder for the results.
        device: device to compute on.
        top: share of the photos that are returned, and listed in `exclude.toml`.

    Raises:
        InputError: a photo or a mask is damaged, or a result cannot be written.
    """
    check_sizes([sample for judge in judges for sample in judge.samples])
    with report_folder(out / "report") as folder:
        judged: list[Judged] = []
        for judge in judges:
            log.info("%s judges %d photos%s", judge.name, len(judge.samples), judge.quality)
            judged += _judged(judge, folder, device)
        judged.sort(key=lambda one: (-one.found.score, one.sample.name))
        first = judged[: math.ceil(top * len(judged))]
        _write_table(out / "audit.csv", judged)
        write_bytes(out / "exclude.toml", exclude_lines(first).encode("utf-8", "surrogateescape"))
        folder.write(_report(judged, judges, len(first)))
    return first


def exclude_lines(judged: Sequence[Judged]) -> str:
    """Return the setting `data.exclude` for a settings file, a photo on a line."""
    lines = [
        f"  {json.dumps(one.sample.name, ensure_ascii=False)},  "
        f"# {one.found.kind}, score {one.found.score:.0f}"
        for one in judged
    ]
    return "\n".join(["[data]", "exclude = [", *lines, "]", ""])


def _judged(judge: Judge, folder: ReportFolder, device: str) -> list[Judged]:
    segmenter = Segmenter.from_model(judge.model, choose_device(device))
    guard, found = threading.Lock(), list[Judged]()

    def read(sample: Sample) -> Photo:
        return read_photo(sample.photo)

    def finish(sample: Sample, prediction: Prediction) -> None:
        truth = read_sample_mask(sample)
        check_fit(sample, Size(*prediction.photo.shape[:2]), Size(*truth.shape))
        against = disagreement(prediction.logits, truth)
        spot = tuple(
            slice(at, at + side)
            for at, side in (
                (min(max(0, middle - side // 2), max(0, whole - side)), min(side, whole))
                for middle, side, whole in zip(against.centre, CROP, truth.shape, strict=True)
            )
        )
        pictures = compared_pictures(
            prediction.photo, prediction.logits > 0, truth, (spot[0], spot[1]), shown=truth
        )
        key = picture_key(sample.name, *map(bytes_hash, pictures.values()))
        names = folder.add_pictures(key, pictures)
        with guard:
            found.append(Judged(sample, against, judge.name, names))

    predict = partial(segmenter.predict_batch, options=MaskOptions(postprocess=()))
    results = raise_first(predict_stream(judge.samples, read, predict, finish, segmenter.device))
    with closing(results), progress("judging masks") as on_photo:
        for i, _ in enumerate(results, 1):
            on_photo(i, len(judge.samples))
    return found


def _write_table(path: Path, judged: Sequence[Judged]) -> None:
    with replacing_table(path, COLUMNS[:2]) as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for one in judged:
            found = one.found
            numbers = (found.missing, found.extra, f"{found.offset:.2f}", f"{found.shift:.2f}")
            name = cell(one.sample.name)
            table.writerow([name, f"{found.score:.0f}", found.kind, *numbers, cell(one.judge)])


def _report(judged: Sequence[Judged], judges: Sequence[Judge], num_first: int) -> Report:
    rows = [
        PhotoRow(
            one.sample.name,
            [one.found.score, one.found.shift, one.found.offset],
            [one.found.kind] if i < num_first else [],
            one.pictures,
            f"{one.found.kind}; {one.found.missing} pixels missing, {one.found.extra} too much",
        )
        for i, one in enumerate(judged)
    ]
    columns = (
        Column("score, px", 0, "high"),
        Column("shift, px", 2, "high"),
        Column("true contour wider by, px", 2, "high"),
    )
    facts = [(judge.name, f"judged {len(judge.samples)} photos{judge.quality}") for judge in judges]
    return Report(
        title="Audit of true masks",
        lead=f"{len(judged)} masks, judged by networks that were not trained on them; the first "
        f"{num_first} are marked, and listed in exclude.toml.",
        sections=[Section("Judges", [Facts(facts)])],
        gallery=Gallery("Masks", NOTE, columns, rows, CAPTIONS),
    )

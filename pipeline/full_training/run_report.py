"""The report of a training: one page without scripts that opens without a network."""

import base64
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import jinja2

from data.arrays import Mask, Photo, Pixels
from data.encoding import FORMATS, encode_picture
from data.files import write_bytes
from data.geometry import Size
from data.images import read_photo
from data.masks import read_mask
from pipeline.evaluation.evaluate import object_of
from pipeline.full_training.ending import Ending, Rows, Stages, ending_of
from pipeline.full_training.held_out import HeldOut, PhotoResult
from pipeline.full_training.journal import Journal
from pipeline.full_training.line_chart import Chart, chart_of
from pipeline.inference.segmenter import Segmenter
from pipeline.model import own_version
from pipeline.reporting.canvas import (
    at_size,
    densest_crop,
    difference,
    fitted_size,
    greyed,
    marked,
    marks_at_size,
    overlay,
)
from pipeline.training.epoch_lines import duration
from pipeline.training.fitted_settings import Choice

REPORT = "report.html"

NUM_WORST = 6
"""Photos with the lowest scores that are shown."""

WIDEST = 640
"""Longer side of a whole photo in the report, in pixels."""

CROP = Size(240, 320)
"""Part of a photo that is shown pixel by pixel, where most of them are wrong."""

QUALITY = 82
"""Of the pictures, as WebP."""

TEMPLATES = Path(__file__).parent / "pages"


@dataclass(frozen=True)
class Shown:
    """A photo in the report; pictures are data URIs."""

    result: PhotoResult
    whole: str
    """The photo with its mask."""
    wrong: str
    """The photo in grey, pixels too many in red, missing ones in blue."""
    crop: str
    """Where most of them are, pixel by pixel."""
    crop_wrong: str


def write_report(
    run: Path,
    journal: Journal,
    held_out: HeldOut,
    stages: Stages,
    shown: Sequence[Shown],
) -> None:
    """Write the report of the training in the folder `run`.

    Args:
        run: folder of the run.
        journal: what was settled and done.
        held_out: scores of the photos that were held out.
        stages: the epochs of each stage.
        shown: photos to show.
    """
    page = rendered(run.name, journal, held_out, stages, shown)
    write_bytes(run / REPORT, page.encode("utf-8", "replace"))


def rendered(
    name: str,
    journal: Journal,
    held_out: HeldOut,
    stages: Stages,
    shown: Sequence[Shown],
) -> str:
    """Return the page; see `write_report`."""
    ending: Ending = ending_of(held_out, stages)
    charts = [(stage, *charts_of(trainings)) for stage, trainings in stages.items()]
    return _template().render(
        name=name,
        ending=ending,
        held_out=held_out,
        charts=charts,
        facts=asdict(journal.facts),
        choices=[*journal.choices, *steps_of(journal)],
        parts=[(part, duration(seconds)) for part, seconds in journal.seconds.items()],
        total=duration(sum(journal.seconds.values())),
        shown=shown,
        version=own_version(),
        date=time.strftime("%Y-%m-%d"),
    )


def steps_of(journal: Journal) -> list[Choice]:
    """Return the steps that were found out during the training, as settings."""
    why = "as many as there was time for" if journal.start.seconds else "for so many patches"
    return [Choice(f"{part}.steps", num, why) for part, num in journal.steps.items()]


def charts_of(trainings: Mapping[str, Rows]) -> tuple[Chart, Chart]:
    """Return the charts of the scores and of the loss of a stage, by steps.

    Args:
        trainings: the epochs of each training of that stage, by its name. Of a single one, the
            moving average of the weights and the weights themselves are drawn, each by itself.
    """
    scores = {name: points_of(rows, "score") for name, rows in trainings.items()}
    if len(trainings) == 1:
        (rows,) = trainings.values()
        kinds = {"moving average": "score_average", "weights": "score_weights"}
        scores = {name: points_of(rows, column) for name, column in kinds.items()}
    losses = {name: points_of(rows, "loss") for name, rows in trainings.items()}
    return chart_of(scores), chart_of(losses)


def points_of(rows: Rows, column: str) -> list[tuple[float, float]]:
    """Return step and value of a column of the epochs that have it."""
    ends = accumulate(row["steps"] for row in rows)
    pairs = [(step, row.get(column, math.nan)) for step, row in zip(ends, rows, strict=True)]
    return [(step, value) for step, value in pairs if not math.isnan(value)]


def show_photo(result: PhotoResult, segmenter: Segmenter) -> Shown:
    """Return a photo as it is shown.

    Raises:
        InputError: the photo or its mask cannot be read.
    """
    photo = read_photo(Path(result.photo))
    truth = read_mask(result.mask, object_values=object_of(segmenter.model))
    mask = segmenter(photo)
    near = densest_crop(mask ^ truth, CROP)
    wrong = difference(photo, mask, truth)
    return Shown(
        result=result,
        whole=_small(overlay(photo, mask)),
        wrong=_small(_visible_difference(photo, mask, truth)),
        crop=_uri(photo[near]),
        crop_wrong=_uri(wrong[near]),
    )


def _visible_difference(photo: Photo, mask: Mask, truth: Mask) -> Pixels:
    """Return the difference, drawn at the size at which it is shown: thin lines stay visible."""
    size = _shown_size(photo)
    added, lost = (marks_at_size(part, size) for part in (mask & ~truth, truth & ~mask))
    return marked(at_size(greyed(photo), size), added, lost)


def _shown_size(picture: Pixels) -> Size:
    return fitted_size(Size(*picture.shape[:2]), WIDEST)


def _small(picture: Pixels) -> str:
    return _uri(at_size(picture, _shown_size(picture)))


def _uri(picture: Pixels) -> str:
    """Return a picture as the address of an image in a page."""
    data = encode_picture(picture, FORMATS["webp"], QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {"dice": lambda value: f"{value:.4f}"}
    environment.filters.update(filters)
    return environment.get_template("report.html")

"""The report of a training: one page without scripts that opens without a network."""

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
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
from pipeline.full_training.ending import Ending, Rows, ending_of
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
    stages: Mapping[str, Rows],
    segmenter: Segmenter,
) -> None:
    """Write the report of the training in the folder `run`.

    Args:
        run: folder of the run.
        journal: what was settled and done.
        held_out: scores of the photos that were held out.
        stages: measurements of the epochs of each stage, by its name.
        segmenter: the finished model.

    Raises:
        InputError: a photo or mask cannot be read any more.
    """
    shown = [show(result, segmenter) for result in held_out.photos[:NUM_WORST]]
    page = rendered(run.name, journal, held_out, stages, shown)
    write_bytes(run / REPORT, page.encode("utf-8", "replace"))


def rendered(
    name: str,
    journal: Journal,
    held_out: HeldOut,
    stages: Mapping[str, Rows],
    shown: Sequence[Shown],
) -> str:
    """Return the page; see `write_report`."""
    ending: Ending = ending_of(held_out, stages)
    charts = [(stage, *charts_of(rows)) for stage, rows in stages.items()]
    return _template().render(
        name=name,
        ending=ending,
        held_out=held_out,
        charts=charts,
        facts=asdict(journal.facts),
        choices=list(journal.choices),
        parts=[(part, duration(seconds)) for part, seconds in journal.seconds.items()],
        total=duration(sum(journal.seconds.values())),
        shown=shown,
        version=own_version(),
        date=time.strftime("%Y-%m-%d"),
    )


def charts_of(rows: Rows) -> tuple[Chart, Chart]:
    """Return the charts of the scores and of the loss of a stage, by steps."""
    step, steps = 0, []
    for row in rows:
        step += int(row["steps"])
        steps.append(step)

    def line(name: str) -> list[tuple[float, float]]:
        pairs = zip(steps, rows, strict=True)
        return [(at, row[name]) for at, row in pairs if name in row and row[name] == row[name]]

    scores = {"moving average": line("score_average"), "weights": line("score_weights")}
    return chart_of(scores), chart_of({"loss": line("loss")})


def show(result: PhotoResult, segmenter: Segmenter) -> Shown:
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

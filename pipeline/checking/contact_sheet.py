"""A picture of all photos of a data set with the contours of their masks, doubtful ones first."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data.arrays import Photo, Pixels
from data.errors import InputError
from data.files import read_bytes
from data.geometry import Size
from data.images import decode_small_photo, encode_png
from data.printable import printable
from data.samples import Sample
from data.threads import map_threads
from pipeline.checking.dataset_check import DatasetCheck
from pipeline.checking.examination import Examined, read_any_mask, resized_mask
from pipeline.checking.findings import SHORT, Severity
from pipeline.progress import OnStep
from pipeline.reporting.canvas import INK, draw_contour

CELL = Size(150, 200)
"""Height and width of a photo on the sheet."""

COLUMNS, MAX_CELLS = 8, 240
"""More photos than this are not shown: all doubtful ones that find room, and of the others some at
equal distances."""

GAP, CAPTION, HEAD = 8, 34, 36
"""Pixels between cells, below each photo, and above them all."""

FONT, HEAD_FONT = ImageFont.load_default(12), ImageFont.load_default(16)

CONTOUR = (255, 0, 220)
FRAMES: dict[Severity | None, tuple[int, int, int]] = {
    "fatal": (215, 25, 40),
    "suspect": (240, 150, 0),
    None: (225, 225, 225),
}
"""Colour around a photo, by the heaviest finding about it."""

NO_PICTURE = (150, 150, 150)


@dataclass(frozen=True)
class Cell:
    """A photo on the sheet."""

    examined: Examined
    severity: Severity | None
    """Of the heaviest finding about it, unless that is a note."""
    marks: tuple[str, ...]
    """What is doubtful about it."""


def contact_sheet(check: DatasetCheck, on_photo: OnStep) -> bytes:
    """Return the sheet of a checked data set as a PNG file."""
    cells = cells_of(check)
    doubtful = [cell for cell in cells if cell.severity is not None]
    shown = doubtful[:MAX_CELLS]
    others = [cell for cell in cells if cell.severity is None]
    room = MAX_CELLS - len(shown)
    if room and others:
        shown += others[:: -(-len(others) // room)]
    drawn = []
    with closing(map_threads(_draw, shown)) as results:
        for i, result in enumerate(results, 1):
            if isinstance(result, InputError):
                raise result
            drawn.append(result)
            on_photo(i, len(shown))
    title = f"{len(cells)} photos, {len(doubtful)} marked"
    if len(shown) < len(cells):
        title += f"; {len(shown)} shown"
    return encode_png(_laid_out(drawn, title))


def cells_of(check: DatasetCheck) -> list[Cell]:
    """Return the photos of a check: first those of fatal findings, then doubtful ones, by name."""
    marks: dict[Path, list[str]] = {}
    severities: dict[Path, Severity] = {}
    for finding in check.all:
        if finding.severity == "note":
            continue
        for photo in finding.photos:
            severities.setdefault(photo, finding.severity)
            marks.setdefault(photo, []).append(SHORT.get(finding.code, finding.code))
    cells = [
        Cell(e, severities.get(e.sample.photo), tuple(marks.get(e.sample.photo, ())))
        for e in check.examined
    ]
    order: list[Severity | None] = ["fatal", "suspect", None]
    return sorted(cells, key=lambda cell: (order.index(cell.severity), cell.examined.sample.name))


def _draw(cell: Cell) -> Pixels:
    """Return a cell (H, W, 3) uint8 with its frame and caption."""
    picture = _picture(cell.examined.sample)
    width = 4 if cell.severity else 1
    colour = FRAMES[cell.severity]
    framed = np.full((picture.shape[0] + 2 * width, picture.shape[1] + 2 * width, 3), colour)
    framed[width:-width, width:-width] = picture
    room = Size(CELL.height + 2 * GAP, CELL.width + 2 * GAP)
    top, left = room.height - framed.shape[0], (room.width - framed.shape[1]) // 2
    whole = np.full((room.height + CAPTION, room.width, 3), 255, np.uint8)
    whole[top : room.height, left : left + framed.shape[1]] = framed
    image = Image.fromarray(whole)
    draw = ImageDraw.Draw(image)
    lines = (
        (printable(cell.examined.sample.photo.name), INK),
        (", ".join(cell.marks), colour if cell.severity else INK),
    )
    for i, (text, ink) in enumerate(lines):
        at = GAP, room.height + 2 + i * CAPTION // 2
        draw.text(at, _shortened(text, CELL.width), ink, FONT)
    return np.array(image)


def _picture(sample: Sample) -> Photo:
    """Return a photo that fits into a cell, with the contour of its mask if that can be read."""
    try:
        photo, size = decode_small_photo(read_bytes(sample.photo), str(sample.photo), min(CELL))
    except InputError:
        return np.full((*CELL, 3), NO_PICTURE, np.uint8)
    scale = min(CELL.height / size.height, CELL.width / size.width)
    shown = Size(*(max(1, round(side * scale)) for side in size))
    interpolation = cv2.INTER_AREA if shown.height < photo.shape[0] else cv2.INTER_LINEAR
    picture = np.asarray(cv2.resize(photo, shown[::-1], interpolation=interpolation), np.uint8)
    try:
        mask, _, _ = read_any_mask(sample)
    except InputError:
        return picture
    return draw_contour(picture, resized_mask(mask, shown), CONTOUR, width=2)


def _laid_out(cells: Sequence[Pixels], title: str) -> Pixels:
    """Return cells in a grid below a title."""
    columns = min(COLUMNS, len(cells))
    blank = np.full_like(cells[0], 255)
    padded = [*cells, *[blank] * (-len(cells) % columns)]
    rows = [np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)]
    rows = [row[_num_blank(row) :] for row in rows]
    head = Image.new("RGB", (rows[0].shape[1], HEAD), "white")
    ImageDraw.Draw(head).text((GAP, HEAD // 2), title, INK, HEAD_FONT, anchor="lm")
    return np.vstack([np.array(head), *rows])


def _num_blank(row: Pixels) -> int:
    """Return how many lines at the top are blank, but for a gap."""
    return max(0, int(np.flatnonzero((row < 255).any(axis=(1, 2)))[0]) - GAP)


def _shortened(text: str, width: int) -> str:
    """Return `text`, with dots in its middle if it is wider than `width` pixels."""
    kept = len(text)
    shown = text
    while kept > 4 and FONT.getlength(shown) > width:
        kept -= 1
        shown = f"{text[: kept // 2]}...{text[len(text) - kept // 2 :]}"
    return shown

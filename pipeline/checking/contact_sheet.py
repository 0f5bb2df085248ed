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

SIDE = 220
"""Longer side of a photo on the sheet."""

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

DARK: dict[Severity | None, tuple[int, int, int]] = {
    "fatal": (190, 20, 35),
    "suspect": (170, 95, 0),
    None: INK,
}
"""The same for text."""

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
    return encode_png(_laid_out(shown, drawn, title))


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
    """Return a photo of a cell (H, W, 3) uint8 with its frame."""
    picture = _picture(cell.examined.sample)
    width = 4 if cell.severity else 1
    height, across = picture.shape[0] + 2 * width, picture.shape[1] + 2 * width
    framed = np.full((height, across, 3), FRAMES[cell.severity], np.uint8)
    framed[width:-width, width:-width] = picture
    return framed


def _picture(sample: Sample) -> Photo:
    """Return a small photo, with the contour of its mask if that can be read."""
    try:
        photo, size = decode_small_photo(read_bytes(sample.photo), str(sample.photo), SIDE // 2)
    except InputError:
        return np.full((SIDE // 2, SIDE, 3), NO_PICTURE, np.uint8)
    scale = SIDE / max(size)
    shown = Size(*(max(1, round(side * scale)) for side in size))
    interpolation = cv2.INTER_AREA if shown.height < photo.shape[0] else cv2.INTER_LINEAR
    picture = np.asarray(cv2.resize(photo, shown[::-1], interpolation=interpolation), np.uint8)
    try:
        mask, _, _ = read_any_mask(sample)
    except InputError:
        return picture
    return draw_contour(picture, resized_mask(mask, shown), CONTOUR, width=1.5)


def _laid_out(cells: Sequence[Cell], pictures: Sequence[Pixels], title: str) -> Pixels:
    """Return the photos in a grid below a title, each with its caption."""
    across = max(picture.shape[1] for picture in pictures) + GAP
    columns = min(COLUMNS, len(cells))
    rows = [_head(title, columns * across + GAP)]
    for i in range(0, len(cells), columns):
        part = range(i, min(i + columns, len(cells)))
        height = max(pictures[j].shape[0] for j in part)
        row = np.full((height + CAPTION + GAP, columns * across + GAP, 3), 255, np.uint8)
        for column, j in enumerate(part):
            picture, left = pictures[j], GAP + column * across
            top = height - picture.shape[0]
            row[top:height, left : left + picture.shape[1]] = picture
        rows.append(_captioned(row, [cells[j] for j in part], across))
    return np.vstack(rows)


def _head(title: str, width: int) -> Pixels:
    head = Image.new("RGB", (width, HEAD), "white")
    ImageDraw.Draw(head).text((GAP, HEAD // 2), title, INK, HEAD_FONT, anchor="lm")
    return np.array(head)


def _captioned(row: Pixels, cells: Sequence[Cell], across: int) -> Pixels:
    """Return a row of photos with the names of the files, and what is doubtful about them."""
    image = Image.fromarray(row)
    draw = ImageDraw.Draw(image)
    top = image.height - CAPTION - GAP
    for column, cell in enumerate(cells):
        name = printable(cell.examined.sample.photo.name)
        for i, (text, ink) in enumerate(
            ((name, INK), (", ".join(cell.marks), DARK[cell.severity]))
        ):
            at = GAP + column * across, top + 2 + i * CAPTION // 2
            draw.text(at, _shortened(text, across - GAP), ink, FONT)
    return np.array(image)


def _shortened(text: str, width: int) -> str:
    """Return `text`, with dots in its middle if it is wider than `width` pixels."""
    kept = len(text)
    shown = text
    while kept > 4 and FONT.getlength(shown) > width:
        kept -= 1
        shown = f"{text[: kept // 2]}...{text[len(text) - kept // 2 :]}"
    return shown

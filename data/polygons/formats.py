"""The formats of `foveamask convert`: how each is read and written, and what tells them apart."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from data import kaggle_csv, rle
from data.arrays import Mask
from data.decoding.photo_formats import READERS
from data.errors import InputError
from data.files import read_bytes, reading, replacing
from data.folders import images_in
from data.geometry import Size
from data.images import MASK_SUFFIXES
from data.masks import decode_mask, encode_mask
from data.polygons import FormatName, coco, geojson, labelme, svg, yolo
from data.polygons.annotation import UNNAMED, Annotation, Entry, Shape, failing, shown
from data.polygons.json_file import decode_object, files_in, read_text_bytes
from data.polygons.options import Logits, PolygonOptions
from data.tables import replacing_table

CARVANA_ENDING = "_mask"
"""Left out of names if all masks of a folder have it."""

PROBED = 2**16
"""Bytes of a JSON file in which its keys are looked for before it is read as a whole."""

KEYS: tuple[tuple[str, FormatName], ...] = (
    (r'"(shapes|imagePath)"\s*:', "labelme"),
    (r'"type"\s*:\s*"FeatureCollection"', "geojson"),
    (r'"(images|annotations|categories)"\s*:', "coco"),
)


class Encode(Protocol):
    """Encodes what one photo's mask is in a format."""

    def __call__(
        self, mask: Mask, photo: str, options: PolygonOptions, logits: Logits | None = None
    ) -> bytes:
        """Return the content of the photo's file, or its part of the one file.

        Args:
            mask: (H, W).
            photo: name or path of the photo's file.
            options: how polygons are drawn.
            logits: (H, W) that the mask was made from.
        """


@dataclass(frozen=True)
class Format:
    """A format of masks or polygons."""

    entries: Callable[[Path], list[Entry]]
    """Returns the photos in a file or folder."""
    encode: Encode
    suffix: str = ""
    """Ending of a photo's file."""
    folder: str = ""
    """Folder of these files, in the folder for results."""
    finish: Callable[[Path, Sequence[bytes], str], None] | None = None
    """Writes the one file of all photos, from their parts and the category."""
    of_files: Callable[[Sequence[Path]], list[Entry]] | None = None
    """Returns the photos of files, if each photo has its own."""
    decode: Callable[[bytes], Annotation] | None = None
    """Returns what is in the content that `encode` has returned, if that is polygons."""
    knows_size: bool = True
    """Whether annotations say the size of their photo."""


def found_format(path: Path) -> FormatName:
    """Return the format of the file or folder at `path`, by its content.

    Raises:
        InputError: it is none, or several.
    """
    if path.is_file():
        return _format_of_file(path)
    if not path.is_dir():
        raise InputError(f"no such file or folder: {path}")
    names: set[FormatName] = set()
    if images_in(path, MASK_SUFFIXES):
        names.add("png")
    if (path / yolo.LABELS).is_dir() or yolo.entries(path):
        names.add("yolo")
    for suffix in (".json", svg.SUFFIX, geojson.SUFFIX):
        names.update(_format_of_file(file) for file in files_in(path, suffix)[:1])
    if len(names) != 1:
        found = " and ".join(sorted(names)) or "none of masks, JSON, SVG and text files"
        raise InputError(f"{path} has {found}; name the format with --from, or another path")
    return names.pop()


def _format_of_file(path: Path) -> FormatName:
    with reading(path) as file:
        start = file.read(PROBED)
    text = start.decode(errors="replace").lstrip("\ufeff \t\r\n")
    if path.name.endswith((".csv", ".csv.gz")):
        return "csv"
    if any(re.match(pattern, start, re.DOTALL) for pattern, _ in READERS):
        return "png"
    if text.startswith("{"):
        return _format_of_json(path, text)
    if text.startswith("<"):
        return "svg"
    if path.suffix == yolo.SUFFIX:
        return "yolo"
    raise InputError(f"{path} is in no format that is known; name it with --from")


def _format_of_json(path: Path, start: str) -> FormatName:
    for pattern, name in KEYS:
        if re.search(pattern, start):
            return name
    try:
        keys = json.dumps(dict.fromkeys(decode_object(read_text_bytes(path)), 0))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    for pattern, name in KEYS:
        if re.search(pattern, keys):
            return name
    raise InputError(f"{path} is JSON, but of none of COCO, LabelMe and GeoJSON")


def _mask_entries(path: Path) -> list[Entry]:
    files = [path] if path.is_file() else images_in(path, MASK_SUFFIXES)
    is_carvana = all(file.stem.endswith(CARVANA_ENDING) for file in files)
    ending = CARVANA_ENDING if is_carvana else ""
    return [_mask_entry(f"{file.stem.removesuffix(ending)}.png", file) for file in files]


def _mask_entry(name: str, file: Path) -> Entry:
    def parse() -> Annotation:
        mask = decode_mask(read_bytes(file), "it")
        return Annotation(Size(*mask.shape), (Shape("mask", UNNAMED, lambda _: mask),))

    return Entry(name, str(file), parse, partial(read_bytes, file))


def _encode_png(
    mask: Mask,
    photo: str,  # noqa: ARG001
    options: PolygonOptions,  # noqa: ARG001
    logits: Logits | None = None,  # noqa: ARG001
) -> bytes:
    return encode_mask(mask)


def _row_entries(path: Path) -> list[Entry]:
    return [_row_entry(f"{path} line {i}", line) for i, line in kaggle_csv.lines(path)]


def _row_entry(where: str, line: str) -> Entry:
    try:
        name, runs = kaggle_csv.parse_row(line)
    except InputError as error:
        return failing("", where, str(error))
    shape = Shape("the mask", UNNAMED, partial(rle.decode, runs))
    return Entry(
        name,
        f"{where} ({shown(name)})",
        lambda: Annotation(None, (shape,), name),
        lambda: line.encode("utf-8", "surrogateescape"),
    )


def _encode_row(
    mask: Mask,
    photo: str,
    options: PolygonOptions,  # noqa: ARG001
    logits: Logits | None = None,  # noqa: ARG001
) -> bytes:
    name = kaggle_csv.row_name(Path(photo).stem)
    kaggle_csv.check_names([Path(photo).stem])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow((name, rle.encode(mask)))
    return text.getvalue().encode("utf-8", "surrogateescape")


def _write_rows(path: Path, rows: Sequence[bytes], category: str) -> None:  # noqa: ARG001
    with replacing_table(path, kaggle_csv.HEADER) as file:
        csv.writer(file, lineterminator="\n").writerow(kaggle_csv.HEADER)
        file.writelines(row.decode("utf-8", "surrogateescape") for row in rows)


def _write_coco(path: Path, parts: Sequence[bytes], category: str) -> None:
    with replacing(path) as partial, partial.open("wb") as file:
        file.writelines(coco.finish(parts, category))


FORMATS: dict[FormatName, Format] = {
    "coco": Format(coco.entries, coco.encode, finish=_write_coco, decode=coco.decode_part),
    "yolo": Format(
        yolo.entries,
        yolo.encode,
        yolo.SUFFIX,
        folder=yolo.LABELS,
        of_files=yolo.entries_of,
        decode=yolo.decode,
        knows_size=False,
    ),
    "labelme": Format(
        labelme.entries,
        labelme.encode,
        labelme.SUFFIX,
        of_files=labelme.entries_of,
        decode=labelme.decode,
    ),
    "svg": Format(svg.entries, svg.encode, svg.SUFFIX, of_files=svg.entries_of, decode=svg.decode),
    "png": Format(_mask_entries, _encode_png, ".png"),
    "csv": Format(_row_entries, _encode_row, finish=_write_rows, knows_size=False),
    "geojson": Format(
        geojson.entries,
        geojson.encode,
        geojson.SUFFIX,
        of_files=geojson.entries_of,
        decode=geojson.decode,
    ),
}

"""YOLO segmentation labels: a text file for each photo, a line for each object.

A line is the number of a class and corners x y x y, as shares of the photo's width and height. It
is one ring: holes, and parts of an object, are tied by bridges. `data.yaml` names the classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.polygons.annotation import Annotation, Entry, Shape, drawing, file_entry, ring_of
from data.polygons.bridge import bridged
from data.polygons.contour import Ring
from data.polygons.json_file import dumps, read_text_bytes
from data.polygons.options import Logits, PolygonOptions

CLASSES, CLASS_LIST = "data.yaml", "classes.txt"
LABELS = "labels"
SUFFIX = ".txt"

NO_NAMES: Mapping[int, str] = {}

MAX_LABELS, MAX_CLASSES = 2**28, 2**20
"""Most bytes of a file of labels, and of one of classes."""


def encode(
    mask: Mask,
    photo: str,  # noqa: ARG001 (the file is named by it)
    options: PolygonOptions,
    logits: Logits | None = None,
) -> bytes:
    """Return the labels of one photo; see `data.polygons.coco.encode` for the arguments."""
    sides = np.array(mask.shape[::-1])
    rings = [bridged(polygons) for polygons in options.objects(mask, logits)]
    return b"".join(_line(ring / sides) for ring in rings)


def encode_classes(category: str) -> bytes:
    """Return `data.yaml` of a folder with `images/` and `labels/`, for one class."""
    folders = {"train": "images", "val": "images", "names": {0: category}}
    text: str = yaml.safe_dump(folders, sort_keys=False, allow_unicode=True)
    return text.encode()


def entries(path: Path) -> list[Entry]:
    """Return the photos whose labels are in `path`: a file, a folder, or one with `labels/`.

    Raises:
        InputError: `data.yaml` is damaged.
    """
    if path.is_file():
        return entries_of([path])
    labels = path / LABELS if (path / LABELS).is_dir() else path
    files = [
        file
        for file in sorted(labels.rglob(f"*{SUFFIX}"))
        if file.is_file() and file.name != CLASS_LIST and not file.name.startswith(".")
    ]
    return entries_of(files, path)


def entries_of(files: Sequence[Path], root: Path | None = None) -> list[Entry]:
    """Return the photos whose labels are `files`.

    Args:
        files: of labels.
        root: folder in which, or in the two above, a file may name the classes; by default that of
            the first file.

    Raises:
        InputError: that file is damaged.
    """
    if not files:
        return []
    names = _classes(root or files[0].parent)
    return [_entry(file, names) for file in files]


def _line(shares: Ring) -> bytes:
    # Eight decimals are 0.0002 pixels of a photo 32,768 wide.
    return " ".join(["0", *(f"{share:.8f}" for share in shares.ravel())]).encode() + b"\n"


def _classes(root: Path) -> dict[int, str]:
    """Return the names of classes, none where no file has them."""
    for folder in (root, *list(root.absolute().parents)[:2]):
        file = folder / CLASSES
        if file.is_file():
            return _names_in(file)
    file = root / CLASS_LIST
    if not file.is_file():
        return {}
    lines = read_text_bytes(file, MAX_CLASSES).decode(errors="replace").splitlines()
    return dict(enumerate(line.strip() for line in lines))


def _names_in(file: Path) -> dict[int, str]:
    try:
        content = yaml.safe_load(read_text_bytes(file, MAX_CLASSES))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file} is no YAML: {reason}") from None
    names: Any = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    # Only plain names: a few lines of YAML can be a value that is gigabytes of text.
    if not isinstance(names, dict) or not all(
        type(number) is int and isinstance(name, str | int) for number, name in names.items()
    ):
        raise InputError(f"{file} has no 'names' of classes")
    return {number: str(name) for number, name in names.items()}


def _entry(file: Path, names: dict[int, str]) -> Entry:
    """Return the entry of a file of labels, which depends on the names of classes as well."""
    entry = file_entry(file, partial(decode, names=names), MAX_LABELS)
    content = entry.content
    return replace(entry, content=lambda: content() + dumps(names))


def decode(data: bytes, names: Mapping[int, str] = NO_NAMES) -> Annotation:
    """Return what is in the labels of a photo.

    Args:
        data: the labels.
        names: of classes; without them a class is called by its number.

    Raises:
        InputError: they are damaged.
    """
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError:
        raise InputError("it is no text") from None
    shapes = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                shapes.append(_shape(f"line {number}", line.split(), names))
            except InputError as error:
                raise InputError(f"line {number}: {error}") from None
    return Annotation(None, tuple(shapes))


def _shape(what: str, words: list[str], names: Mapping[int, str]) -> Shape:
    try:
        number, shares = int(words[0]), np.array(words[1:], np.float64)
    except (ValueError, OverflowError):
        raise InputError("a line is the number of a class and corners x y x y") from None
    if names and number not in names:
        raise InputError(f"class {number} has no name; there are {len(names)}")
    if len(shares) == 4:
        raise InputError("it is a box, not a polygon of 3 corners or more")
    if len(shares) % 2:
        raise InputError(f"corners are pairs x y, but here are {len(shares)} numbers")
    ring = ring_of(shares.reshape(-1, 2))
    return Shape(what, names.get(number, str(number)), partial(_draw, ring), number=number)


def _draw(shares: Ring, size: Size) -> Mask:
    return drawing([shares * (size.width, size.height)])(size)

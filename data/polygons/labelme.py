"""LabelMe: a JSON file for each photo, a shape for each part of an object.

LabelMe has no holes, but fills a ring with bridges to its holes as it should, in its window and in
its exports, and its corners can be moved. A second shape for a hole would be lost in its export to
COCO; its own shape for masks has no corners. All of these are read.
"""

import base64
import binascii
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.masks import decode_mask
from data.polygons.annotation import Annotation, Entry, Shape, drawing, file_entry, ring_of, size_of
from data.polygons.bridge import bridged
from data.polygons.contour import Ring
from data.polygons.json_file import corners, decode_object, dumps, files_in, list_in, text_in
from data.polygons.options import Logits, PolygonOptions

SUFFIX = ".json"

VERSION = "5.5.0"
"""Version of LabelMe that the files say they are of; all since 5.2 have these fields."""

BACKGROUND = "_background_"
"""Label of shapes that are no object. LabelMe draws shapes in order, so they erase."""

MAX_BYTES = 2**28
"""Most bytes of a file, which may hold the photo too."""

CIRCLE_CORNERS = 360


def encode(mask: Mask, photo: str, options: PolygonOptions, logits: Logits | None = None) -> bytes:
    """Return the file of one photo.

    Args:
        mask: (H, W).
        photo: path of the photo from the folder of the file.
        options: how polygons are drawn.
        logits: (H, W) that the mask was made from.
    """
    shapes = [
        _written(corners(bridged([polygon])), group, options.category)
        for group, polygons in enumerate(options.objects(mask, logits), 1)
        for polygon in polygons
    ]
    return dumps(
        {
            "version": VERSION,
            "flags": {},
            "shapes": shapes,
            "imagePath": photo,
            "imageData": None,
            "imageHeight": mask.shape[0],
            "imageWidth": mask.shape[1],
        }
    )


def entries(path: Path) -> list[Entry]:
    """Return the photos whose files are in the folder `path`, or the one of the file `path`."""
    return entries_of([path] if path.is_file() else files_in(path, SUFFIX))


def entries_of(files: Iterable[Path]) -> list[Entry]:
    """Return the photos whose files are `files`."""
    return [file_entry(file, decode, MAX_BYTES) for file in files]


def _written(points: list[list[float]], group: int, label: str) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": group,
        "description": "",
        "shape_type": "polygon",
        "flags": {},
        "mask": None,
    }


def decode(data: bytes) -> Annotation:
    """Return what is in the file of a photo.

    Raises:
        InputError: it is damaged.
    """
    content = decode_object(data)
    size = size_of(content.get("imageHeight"), content.get("imageWidth"))
    shapes = []
    for i, shape in enumerate(list_in(content, "shapes"), 1):
        try:
            shapes.append(_shape(f"shape {i}", shape))
        except InputError as error:
            raise InputError(f"shape {i}: {error}") from None
    photo = content.get("imagePath")
    return Annotation(size, tuple(shapes), photo if isinstance(photo, str) else "")


def _shape(what: str, shape: dict[str, Any]) -> Shape:
    label = text_in(shape, "label")
    kind = shape.get("shape_type", "polygon")
    points = shape.get("points")
    if kind == "polygon":
        draw = drawing([ring_of(points)])
    elif kind == "rectangle":
        (left, top), (right, bottom) = _two(points)
        draw = drawing([np.array([(left, top), (right, top), (right, bottom), (left, bottom)])])
    elif kind == "circle":
        centre, rim = _two(points)
        angles = np.linspace(0, 2 * np.pi, CIRCLE_CORNERS, endpoint=False)
        radius = np.hypot(*(rim - centre))
        draw = drawing([centre + radius * np.stack([np.cos(angles), np.sin(angles)], 1)])
    elif kind == "mask":
        draw = partial(_draw_mask, _two(points), shape.get("mask"))
    else:
        raise InputError(f"it is a {kind!r:.20}, which has no area")
    return Shape(what, label, draw, is_erased=label == BACKGROUND)


def _two(points: Any) -> Ring:
    """Return (2, 2) the two points of a box, a circle or a mask."""
    if not isinstance(points, list) or len(points) != 2:
        raise InputError("it must have two points")
    ring = ring_of([*points, *points])
    return ring[:2]


def _draw_mask(points: Ring, encoded: Any, size: Size) -> Mask:
    """Return a mask in the photo; its points are its first and its last pixel."""
    if not isinstance(encoded, str):
        raise InputError("'mask' must be a picture as base64")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InputError("'mask' is no base64") from None
    part = decode_mask(data, "the picture", max_pixels=size.area)
    left, top = points[0].astype(int)
    inside = np.zeros(size, np.bool_)
    if (
        left < 0
        or top < 0
        or top + part.shape[0] > size.height
        or left + part.shape[1] > size.width
    ):
        raise InputError("its mask leaves the photo")
    inside[top : top + part.shape[0], left : left + part.shape[1]] = part
    return inside

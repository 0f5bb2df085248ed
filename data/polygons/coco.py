"""COCO: one JSON file with `info`, `images`, `annotations` and `categories`.

An object without holes is a list of polygons, one with holes is run lengths, since COCO's polygons
have none. `encode` makes the part of one photo, `finish` puts parts together.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.polygons import coco_runs
from data.polygons.annotation import (
    UNNAMED,
    Annotation,
    Entry,
    Shape,
    drawing,
    failing,
    ring_of,
    shown,
    size_of,
)
from data.polygons.contour import DECIMALS, Polygon, Ring, rings_of
from data.polygons.filling import even_odd, num_pixels
from data.polygons.json_file import decode_object, dumps, list_in, read_text_bytes, text_in
from data.polygons.options import Logits, PolygonOptions


def encode(mask: Mask, photo: str, options: PolygonOptions, logits: Logits | None = None) -> bytes:
    """Return the part of one photo, for `finish`.

    Args:
        mask: (H, W).
        photo: name of the photo's file.
        options: how polygons are drawn.
        logits: (H, W) that the mask was made from.
    """
    size = Size(*mask.shape)
    image = {"file_name": photo, "width": size.width, "height": size.height}
    objects = options.objects(mask, logits)
    return dumps({"image": image, "annotations": [_annotation(o, size) for o in objects]})


def finish(parts: Iterable[bytes], category: str) -> Iterator[bytes]:
    """Yield the whole file in pieces, from what `encode` has returned for each photo.

    Args:
        parts: of all photos. They are gone through twice, one part at a time.
        category: name of what is inside the polygons.
    """
    yield b'{"info":{"description":"made by foveamask"},\n"images":['
    for i, part in enumerate(map(json.loads, parts), 1):
        yield (b",\n" if i > 1 else b"") + dumps({"id": i} | part["image"])
    yield b'],\n"annotations":['
    number = 0
    for i, part in enumerate(map(json.loads, parts), 1):
        for annotation in part["annotations"]:
            number += 1
            ids = {"id": number, "image_id": i, "category_id": 1}
            yield (b",\n" if number > 1 else b"") + dumps(ids | annotation)
    yield b'],\n"categories":%b}\n' % dumps([{"id": 1, "name": category, "supercategory": ""}])


def decode_part(data: bytes) -> Annotation:
    """Return what is in the part of one photo, whose category is not known.

    Raises:
        InputError: it is damaged.
    """
    part = decode_object(data)
    image, annotations = part.get("image"), list_in(part, "annotations")
    if not isinstance(image, dict):
        raise InputError("'image' must be an object")
    return _parse(image, [{"category_id": 1} | a for a in annotations], {1: UNNAMED})


def entries(path: Path) -> list[Entry]:
    """Return the photos of the file at `path`, in its order.

    Raises:
        InputError: it is no such file.
    """
    try:
        content = decode_object(read_text_bytes(path))
        images, annotations = list_in(content, "images"), list_in(content, "annotations")
        names = {_id(c, "id"): text_in(c, "name") for c in list_in(content, "categories")}
        of_image: dict[int, list[dict[str, Any]]] = {_id(image, "id"): [] for image in images}
        if len(of_image) < len(images):
            raise InputError("two images have one id")
        strays: dict[int, list[dict[str, Any]]] = {}
        for annotation in annotations:
            image_id = _id(annotation, "image_id")
            (of_image if image_id in of_image else strays).setdefault(image_id, []).append(
                annotation
            )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    found = [_entry(path, image, of_image[image["id"]], names) for image in images]
    return found + [_stray(path, image_id, len(lost)) for image_id, lost in strays.items()]


def _stray(path: Path, image_id: int, num_lost: int) -> Entry:
    reason = f"it is not in images, but {num_lost} annotations are in it"
    return failing("", f"{path}, image_id {image_id}", reason)


def _annotation(polygons: Iterable[Polygon], size: Size) -> dict[str, Any]:
    parts = list(polygons)
    rings = rings_of(parts)
    corners = np.concatenate([polygon.outer for polygon in parts])
    (left, top), (right, bottom) = corners.min(0).tolist(), corners.max(0).tolist()
    has_holes = any(polygon.holes for polygon in parts)
    return {
        "segmentation": coco_runs.encode(even_odd(rings, size))
        if has_holes
        else [ring.round(DECIMALS).ravel().tolist() for ring in rings],
        "area": num_pixels(rings, size),
        "bbox": [round(side, DECIMALS) for side in (left, top, right - left, bottom - top)],
        "iscrowd": 0,
    }


def _entry(
    path: Path, image: dict[str, Any], annotations: list[dict[str, Any]], names: dict[int, str]
) -> Entry:
    where = f"{path}, image {image['id']}"
    photo = image.get("file_name")
    if not isinstance(photo, str):
        return failing("", where, "'file_name' must be a text")
    return Entry(
        photo,
        f"{path}, image {shown(photo)}",
        partial(_parse, image, annotations, names),
        partial(_content, image, annotations, names),
    )


def _content(
    image: dict[str, Any], annotations: list[dict[str, Any]], names: dict[int, str]
) -> bytes:
    """Return the bytes that decide a photo's mask, whatever else is in the file."""
    named = [[names.get(_category(a), ""), a.get("segmentation")] for a in annotations]
    return dumps([image.get("height"), image.get("width"), named])


def _parse(
    image: dict[str, Any], annotations: list[dict[str, Any]], names: dict[int, str]
) -> Annotation:
    size = size_of(image.get("height"), image.get("width"))
    shapes = tuple(_shape(annotation, names) for annotation in annotations)
    return Annotation(size, shapes, str(image.get("file_name", "")))


def _shape(annotation: dict[str, Any], names: dict[int, str]) -> Shape:
    what = f"annotation {annotation.get('id')!r:.20}"
    category = _category(annotation)
    if category not in names:
        given = annotation.get("category_id")
        raise InputError(f"{what} has the category_id {given!r:.20}, which is not in categories")
    segmentation = annotation.get("segmentation")
    try:
        if isinstance(segmentation, dict):
            draw: Callable[[Size], Mask] = partial(_draw_runs, segmentation)
        else:
            draw = drawing(_rings(segmentation))
        return Shape(what, names[category], draw, number=category)
    except InputError as error:
        raise InputError(f"{what}: {error}") from None


def _category(annotation: dict[str, Any]) -> int:
    """Return the number of its category, -1 where there is none."""
    number = annotation.get("category_id")
    return number if type(number) is int else -1


def _rings(segmentation: Any) -> list[Ring]:
    """Return the polygons of a segmentation, each a flat list x, y, x, y."""
    if not isinstance(segmentation, list) or not segmentation:
        raise InputError("'segmentation' must be a list of polygons, or run lengths")
    return [ring_of(_pairs(numbers)) for numbers in segmentation]


def _pairs(numbers: Any) -> list[Any]:
    if not isinstance(numbers, list) or len(numbers) % 2:
        raise InputError("a polygon is a list x, y, x, y, of an even number")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _draw_runs(segmentation: dict[str, Any], size: Size) -> Mask:
    sides = segmentation.get("size")
    if isinstance(sides, list) and sides != list(size):
        raise InputError(f"its run lengths are of the height and width {sides!r:.60}")
    return coco_runs.decode(segmentation)


def _id(value: dict[str, Any], key: str) -> int:
    number = value.get(key)
    if type(number) is not int:
        raise InputError(f"{key!r} must be a whole number, not {number!r:.40}")
    return number

"""Rings as in GeoJSON: a file for each photo, a feature for each object.

Coordinates are pixels, with y downward, not degrees. Each polygon is its outer ring, then its
holes; rings repeat their first corner. `image` has the name and the size of the photo.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.polygons.annotation import (
    UNNAMED,
    Annotation,
    Entry,
    Shape,
    drawing,
    file_entry,
    ring_of,
    size_of,
)
from data.polygons.contour import Ring
from data.polygons.json_file import corners, decode_object, dumps, files_in, list_in
from data.polygons.options import Logits, PolygonOptions

SUFFIX = ".geojson"

MAX_BYTES = 2**28
"""Most bytes of a file."""


def encode(mask: Mask, photo: str, options: PolygonOptions, logits: Logits | None = None) -> bytes:
    """Return the file of one photo; see `data.polygons.coco.encode` for the arguments."""
    features = [
        {
            "type": "Feature",
            "properties": {"category": options.category},
            "geometry": {
                "type": "MultiPolygon",
                "coordinates": [[_closed(ring) for ring in p.rings] for p in polygons],
            },
        }
        for polygons in options.objects(mask, logits)
    ]
    image = {"file_name": photo, "width": mask.shape[1], "height": mask.shape[0]}
    return dumps({"type": "FeatureCollection", "image": image, "features": features})


def entries(path: Path) -> list[Entry]:
    """Return the photos whose files are in the folder `path`, or the one of the file `path`."""
    if path.is_file():
        return entries_of([path])
    return entries_of(files_in(path, SUFFIX) or files_in(path, ".json"))


def entries_of(files: Iterable[Path]) -> list[Entry]:
    """Return the photos whose files are `files`."""
    return [file_entry(file, decode, MAX_BYTES) for file in files]


def _closed(ring: Ring) -> list[list[float]]:
    points = corners(ring)
    return [*points, points[0]]


def decode(data: bytes) -> Annotation:
    """Return what is in the file of a photo.

    Raises:
        InputError: it is damaged.
    """
    content = decode_object(data)
    image = content.get("image")
    size, photo = None, ""
    if isinstance(image, dict):
        size = size_of(image.get("height"), image.get("width"))
        photo = str(image.get("file_name", ""))
    shapes = []
    for i, feature in enumerate(list_in(content, "features"), 1):
        try:
            shapes.append(_shape(f"feature {i}", feature))
        except InputError as error:
            raise InputError(f"feature {i}: {error}") from None
    return Annotation(size, tuple(shapes), photo)


def _shape(what: str, feature: dict[str, Any]) -> Shape:
    properties, geometry = feature.get("properties"), feature.get("geometry")
    category = properties.get("category") if isinstance(properties, dict) else None
    if not isinstance(geometry, dict) or geometry.get("type") not in ("Polygon", "MultiPolygon"):
        raise InputError("its geometry is no Polygon or MultiPolygon")
    coordinates = geometry.get("coordinates")
    polygons = [coordinates] if geometry["type"] == "Polygon" else coordinates
    if not isinstance(polygons, list) or not all(isinstance(p, list) and p for p in polygons):
        raise InputError("coordinates are lists of rings")
    rings = [[ring_of(ring) for ring in polygon] for polygon in polygons]
    return Shape(what, category if isinstance(category, str) else UNNAMED, partial(_draw, rings))


def _draw(polygons: list[list[Ring]], size: Size) -> Mask:
    mask = drawing([])(size)
    for outer, *holes in polygons:
        mask |= drawing([outer])(size) & ~drawing(holes)(size)
    return mask

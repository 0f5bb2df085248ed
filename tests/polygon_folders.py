"""Data folders with polygons in place of masks."""

import json
import shutil
from pathlib import Path
from typing import Any

from PIL import Image

from data.polygons import PolygonName
from data.polygons.conversion import Conversion, convert
from data.samples import Sample
from tests.builders import SIZE

SQUARE = [[10, 10], [30, 10], [30, 40], [10, 40]]
BOW = [[10, 10], [30, 40], [30, 10], [10, 40]]

PLACES: dict[PolygonName, str] = {
    "coco": "annotations/instances.json",
    "yolo": "",  # which has a folder `labels` itself
    "labelme": "images",
    "svg": "annotations",
    "geojson": "labels",
}
"""Where a data folder with `images/` has its polygons."""


def with_polygons(data: Path, folder: Path, to: PolygonName, category: str = "disc") -> Path:
    """Copy a data folder, with polygons in place of its masks."""
    shutil.copytree(data / "images", folder / "images")
    place, photos = folder / PLACES[to], folder / "images"
    place.parent.mkdir(parents=True, exist_ok=True)
    task = Conversion(data / "masks", place, to, photos=photos, category=category)
    assert not convert(task)
    return folder


def shape(points: list[list[int]], label: str = "car") -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": "polygon"}


def write_labelme(path: Path, *shapes: dict[str, Any], size: tuple[int, int] = SIZE) -> None:
    height, width = size
    content = {"shapes": shapes, "imageHeight": height, "imageWidth": width, "imagePath": "x"}
    path.write_text(json.dumps(content))


def write_photo(path: Path, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size[::-1], "teal").save(path)


def labelled(folder: Path, **shapes: list[dict[str, Any]]) -> Path:
    """A folder of photos, each with a file of LabelMe beside it."""
    for stem, own in shapes.items():
        write_photo(folder / f"{stem}.png")
        write_labelme(folder / f"{stem}.json", *own)
    return folder


def names(samples: list[Sample]) -> list[str]:
    return [sample.name for sample in samples]

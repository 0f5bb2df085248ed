"""Running the command `convert`, and what it reads and writes."""

from pathlib import Path
from typing import Any, get_args

import numpy as np

from data.arrays import Mask
from data.masks import read_mask
from data.polygons import FormatName
from pipeline.cli import main

SIZE = (6, 8)
ONE_FILE = {"coco": "a.json", "csv": "a.csv"}
FORMATS: tuple[FormatName, ...] = get_args(FormatName)


def convert(*arguments: object) -> int:
    return main(["convert", *map(str, arguments)])


def read_folder(folder: Path) -> dict[str, Mask]:
    return {path.stem: read_mask(path) for path in folder.iterdir()}


def assert_same(found: dict[str, Mask], expected: dict[str, Mask]) -> None:
    assert set(found) == set(expected)
    for name, mask in expected.items():
        np.testing.assert_array_equal(found[name], mask)


def document(names: list[str], **image: Any) -> dict[str, Any]:
    """COCO of photos of 8 x 6, in each a square."""
    square = [[1, 1, 4, 1, 4, 4, 1, 4]]
    return {
        "images": [
            {"id": i, "file_name": name, "width": 8, "height": 6} | image
            for i, name in enumerate(names)
        ],
        "categories": [{"id": 3, "name": "car"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 3, "segmentation": square}
            for i in range(len(names))
        ],
    }

"""Predicting polygons."""

import json
from pathlib import Path
from typing import Any

from data.polygons import PolygonName
from data.polygons.options import PolygonOptions
from pipeline.inference.mask_options import DEFAULT_OPTIONS
from pipeline.inference.outputs import MASK, Output, in_folders
from pipeline.inference.polygon_files import polygon_output
from tests.pipeline.inference.predicting import (
    predict_photos,
    segmenter_of,
)

CAR = PolygonOptions(category="car")


def polygons_to(
    out: Path, *names: PolygonName, options: PolygonOptions = CAR, with_masks: bool = False
) -> tuple[Output, ...]:
    """The outputs of polygons in the folder `out`, perhaps beside masks."""
    is_one = len(names) + with_masks == 1
    made = [polygon_output(name, options, out / ("" if is_one else name)) for name in names]
    return in_folders([*([MASK] if with_masks else []), *made])


def predict(photos: list[Path], out: Path, *names: PolygonName, **options: Any) -> None:
    mask_options = options.pop("mask_options", DEFAULT_OPTIONS)
    overwrite = options.pop("overwrite", False)
    outputs = polygons_to(out, *names, **options)
    outcome = predict_photos(
        photos, out, segmenter_of(), mask_options, outputs=outputs, overwrite=overwrite
    )
    assert not outcome.failures


def coco_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "annotations.json").read_bytes())
    return content

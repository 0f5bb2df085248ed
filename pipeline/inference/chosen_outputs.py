"""Outputs by the names that users give them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from data.polygons import POLYGONS
from data.polygons.options import PolygonOptions
from pipeline.inference.cutouts.crop_box import Box
from pipeline.inference.cutouts.cutout_files import alpha_output, cutout_output
from pipeline.inference.cutouts.cutout_options import CutoutOptions
from pipeline.inference.outputs import MASK, Output, in_folders
from pipeline.inference.polygon_files import polygon_output


def chosen_outputs(
    names: Sequence[str],
    cutouts: CutoutOptions,
    polygons: PolygonOptions | None,
    boxes: Mapping[Path, Box] | None = None,
    out: Path | None = None,
) -> tuple[Output, ...]:
    """Return the outputs called `names`; of several, each in a folder of its own.

    Args:
        names: some of `pipeline.inference.OUTPUT_NAMES`.
        cutouts: how alpha and cutouts are made.
        polygons: how polygons are drawn; None if none are.
        boxes: what photos of a group share, see `cutout_output`.
        out: folder for the results; None for none.
    """
    makers: dict[str, Callable[[], Output]] = {
        "mask": lambda: replace(MASK, has_metadata=cutouts.metadata),
        "cutout": lambda: cutout_output(cutouts, boxes),
        "alpha": lambda: alpha_output(cutouts),
    }
    if polygons is not None:
        for name in POLYGONS:
            folder = out and out / (name if len(names) > 1 else "")
            makers[name] = partial(polygon_output, name, polygons, folder)
    return in_folders([makers[name]() for name in names])

"""Masks and csv files of them, small ones."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.geometry import Size
from data.masks import write_mask
from data.tables import replacing_table

SIZE = Size(4, 6)
HEADER = "img,rle_mask\n"


def mask_of(*pixels: int) -> NDArray[np.bool_]:
    """A mask of `SIZE` with `pixels`, numbered from 1."""
    mask = np.zeros(SIZE.area, bool)
    mask[[pixel - 1 for pixel in pixels]] = True
    return mask.reshape(SIZE)


def written(path: Path, *rows: tuple[str, str]) -> Path:
    with replacing_table(path, ("img", "rle_mask")) as file:
        csv.writer(file, lineterminator="\n").writerows([("img", "rle_mask"), *rows])
    return path


def write_masks(folder: Path, masks: Mapping[str, NDArray[np.bool_]]) -> dict[str, Path]:
    """Write masks; return their paths by their names."""
    paths = {name: folder / f"{name}.png" for name in masks}
    for name, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_mask(path, masks[name])
    return paths

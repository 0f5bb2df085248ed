"""Data folders in the layouts that are known."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def write_photos(folder: Path, names: Iterable[str], size: tuple[int, int] = (6, 4)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", size, "teal").save(folder / name)


def write_masks(folder: Path, names: Iterable[str], size: tuple[int, int] = (6, 4)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        mask = np.zeros(size[::-1], np.uint8)
        mask[:2] = 1
        Image.fromarray(mask).save(folder / name)


def write_carvana(data: Path, stems: Iterable[str]) -> None:
    stems = list(stems)
    write_photos(data / "train", [f"{stem}.jpg" for stem in stems])
    write_masks(data / "train_masks", [f"{stem}_mask.gif" for stem in stems])

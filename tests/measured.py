"""Small data sets, photos and models that several tests of measurements share."""

from pathlib import Path

import cv2
import numpy as np

from data.geometry import Fovea
from data.masks import write_mask
from pipeline.inference.segmenter import Segmenter
from tests.builders import unsure_segmenter

SETTINGS = """
[data]
long_side = 96
val_share = 0.3
[coarse]
batch_size = 2
num_workers = 0
[tiles]
low = 0.000001
high = 0.999999
max_patches_per_photo = 20
[refiner]
channels = [8, 8, 8, 8]
depths = [1, 1, 1, 1]
"""


def write_cars(folder: Path, cars: int = 8, angles: int = 4, seed: int = 0) -> Path:
    """Discs on noise, in the Carvana layout."""
    (folder / "train").mkdir(parents=True)
    (folder / "train_masks").mkdir()
    random = np.random.default_rng(seed)
    for car in range(cars):
        for angle in range(1, angles + 1):
            centre = 30 + 4 * angle, 30
            disc = cv2.circle(np.zeros((64, 96), np.uint8), centre, 12 + car, 255, -1)
            noise = random.integers(0, 90, (64, 96, 3))
            name = f"{car:012x}_{angle:02}"
            photo = (noise + disc[..., None] // 2).astype(np.uint8)
            cv2.imwrite(str(folder / "train" / f"{name}.jpg"), photo)
            cv2.imwrite(str(folder / "train_masks" / f"{name}_mask.png"), disc)
    return folder


SIZE = (192, 256)


def segmenter_of(*, trained: bool = True) -> Segmenter:
    """Unsure here and there; `trained` says whether its refiner does anything."""
    return unsure_segmenter(fovea=Fovea(8), trained=trained, long_side=SIZE[1])


def photo_of(seed: int = 0) -> np.ndarray:
    shades = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(shades, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def write_photos(folder: Path) -> Path:
    """Write photos `0` and `1` with masks; return `folder`."""
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    for i in range(2):
        cv2.imwrite(str(folder / "images" / f"{i}.png"), photo_of(i))
        write_mask(folder / "masks" / f"{i}.png", photo_of(i)[..., 0] > 128)
    return folder

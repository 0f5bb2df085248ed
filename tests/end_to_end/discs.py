"""Discs that pass for cars, and settings to train on them."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from data.geometry import Size

SIZE = Size(128, 190)
SETTINGS = """
[data]
long_side = 190
val_share = 0.3
[coarse]
init = ""
epochs = 15
batch_size = 2
lr = 0.005
num_workers = 0
precision = "fp32"
[tiles]
side = 8
max_patches_per_photo = 100
[refiner]
init = ""
epochs = 4
batch_size = 64
precision = "fp32"
"""


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A bright ellipse on a dark gradient, with noise; and its mask."""
    random = np.random.default_rng(seed)
    mask = np.zeros(SIZE, np.uint8)
    centre = random.uniform([70, 50], [120, 78])
    axes = random.uniform([25, 18], [50, 32])
    cv2.ellipse(mask, (tuple(centre), tuple(2 * axes), float(random.uniform(0, 180))), 1, -1)
    photo = (
        np.repeat(np.linspace(40, 90, SIZE.width)[None, :, None], SIZE.height, 0)
        + mask[..., None] * 110
    )
    photo = photo + random.normal(0, 6, (*SIZE, 3))
    return photo.clip(0, 255).astype(np.uint8), mask.astype(bool)


def write_data(folder: Path, cars: int = 10, angles: int = 2) -> Path:
    (folder / "train").mkdir(parents=True)
    (folder / "train_masks").mkdir()
    for car in range(cars):
        for angle in range(1, angles + 1):
            photo, mask = draw(100 * car + angle)
            stem = f"{car:012x}_{angle:02d}"
            cv2.imwrite(str(folder / "train" / f"{stem}.jpg"), photo[..., ::-1])
            Image.fromarray(mask).save(folder / "train_masks" / f"{stem}_mask.gif")
    return folder

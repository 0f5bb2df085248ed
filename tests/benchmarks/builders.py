"""Small data sets, photos and models that several tests of measurements share."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from coarse.enet import ENet
from data.geometry import Fovea
from data.masks import write_mask
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from refine.refiner_network import Refiner

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


def write_cars(folder: Path, cars: int = 8, angles: int = 4) -> Path:
    """Discs on noise, in the Carvana layout."""
    (folder / "train").mkdir(parents=True)
    (folder / "train_masks").mkdir()
    random = np.random.default_rng(0)
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
    """An untrained coarse network, unsure here and there, and a refiner that does something."""
    torch.manual_seed(3)
    coarse, refiner = ENet(), Refiner(Fovea(8), channels=(8,) * 3, depths=(1, 2, 2))
    nn.init.normal_(coarse.head.weight, std=2)
    if trained:
        nn.init.normal_(refiner.head.weight, std=2)
    return Segmenter.from_model(
        Model(coarse, refiner, Fovea(8), 0.05, 0.95, SIZE[1]), torch.device("cpu"), "fp32"
    )


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

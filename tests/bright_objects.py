"""Photos of bright objects on a dark ground, and a model whose refiner finds them exactly."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from coarse.enet import ENet
from data.arrays import Mask, Photo
from data.geometry import Fovea, Size
from data.images import write_png
from data.masks import write_mask
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from refine.refiner_network import Refiner
from tests.builders import disc

CPU = torch.device("cpu")
SIZE = Size(192, 256)
DARK, BRIGHT = 40, 200


def bright_model(long_side: int = max(SIZE)) -> Model:
    """Its refined logits are 16 where a photo is bright and -20 where it is dark.

    So it expects no errors, and finds the object of `photo_of` without any.
    """
    torch.manual_seed(0)
    fovea = Fovea()
    refiner = Refiner(fovea, channels=(2, 1, 1), depths=(1, 1, 1), inputs="photo", residual=False)
    for parameter in refiner.parameters():
        nn.init.zeros_(parameter)
    convolution, norm = refiner.levels[0][0], refiner.levels[0][1]
    with torch.no_grad():
        convolution.weight[:, 0, 1, 1] = torch.tensor([1.0, -1.0])  # red, above and below grey
        norm.weight.fill_(1)
        refiner.head.weight[0, :, 0, 0] = torch.tensor([14.0, -14.0])
    return Model(ENet(), refiner.eval(), fovea, 0.08, 0.92, long_side)


def bright_segmenter(long_side: int = max(SIZE)) -> Segmenter:
    return Segmenter.from_model(bright_model(long_side), CPU, "fp32")


def photo_of(mask: Mask) -> Photo:
    """The object in `mask`, bright, on a dark ground."""
    return np.repeat(np.where(mask, BRIGHT, DARK).astype(np.uint8)[..., None], 3, axis=2)


def object_in(size: Size = SIZE, seed: int = 0) -> Mask:
    """A disc with a bar across it."""
    random = np.random.default_rng(seed)
    height, width = size
    centre = height / 2 + random.integers(-8, 9), width / 2 + random.integers(-8, 9)
    mask = disc(centre, min(size) / 4, size).astype(np.uint8)
    cv2.line(
        mask, (width // 8, height // 3), (7 * width // 8, height // 2), 1, max(3, height // 12)
    )
    return mask > 0


def write_objects(folder: Path, names: list[str], size: Size = SIZE) -> dict[str, Mask]:
    """Write a photo of each name to `folder`; return the true masks."""
    truths = {name: object_in(size, seed) for seed, name in enumerate(names)}
    for name, mask in truths.items():
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, photo_of(mask))
    return truths


def write_masks(folder: Path, masks: dict[str, Mask]) -> Path:
    """Write masks by their names; return `folder`."""
    for name, mask in masks.items():
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_mask(path, mask)
    return folder

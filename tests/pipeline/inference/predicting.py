"""A segmenter, photos for it, and what a command has put into a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from coarse.enet import ENet
from data.geometry import Fovea
from data.photo_files import PhotoFile
from pipeline.inference import predict
from pipeline.inference.job import Job
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions
from pipeline.inference.prediction_run import Outcome
from pipeline.inference.run_file import RUN_FILE
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from refine.refiner_network import Refiner

CPU = torch.device("cpu")


def segmenter_of() -> Segmenter:
    torch.manual_seed(3)
    coarse = ENet()
    nn.init.normal_(coarse.head.weight, std=2)
    refiner = Refiner(Fovea(8, 2), channels=(4, 4), depths=(1, 1))
    return Segmenter.from_model(Model(coarse, refiner, Fovea(8, 2), 0.05, 0.95, 96), CPU, "fp32")


def write_photos(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    photos = []
    for i in range(count):
        path = folder / f"{i:04}.png"
        blobs = cv2.resize(random.integers(0, 256, (5, 7, 3), np.uint8), (96, 64))
        cv2.imwrite(str(path), blobs)
        photos.append(path)
    return photos


def visible(folder: Path) -> dict[str, bytes]:
    """The results in `folder`: files that do not begin with a dot, without the list of calls."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.name[0] != "." and path.name != RUN_FILE and path.is_file()
    }


def by_stems(photos: Sequence[Path]) -> list[PhotoFile]:
    """Photos that were given by their paths."""
    return [PhotoFile(photo, photo.stem) for photo in photos]


def predict_photos(
    photos: Sequence[Path],
    out: Path,
    segmenter: Segmenter,
    options: MaskOptions = DEFAULT_OPTIONS,
    **job: Any,
) -> Outcome:
    """Predict photos that were given by their paths."""
    return predict.predict_photos(by_stems(photos), Job(out=out, **job), segmenter, options)

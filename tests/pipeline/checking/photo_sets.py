"""Small data sets for the tests of the check: photos of one object each, all different."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from data.arrays import Mask, Photo, Pixels
from pipeline.checking.dataset_check import DatasetCheck, check_dataset
from pipeline.checking.findings import Finding

SIZE = 200, 288
"""Height and width of the photos."""


@dataclass(frozen=True, eq=False)
class Pair:
    photo: Photo
    mask: Mask


def pair(seed: int, size: tuple[int, int] = SIZE) -> Pair:
    """A photo of an ellipse on a background of soft colours, with noise, and its exact mask."""
    random = np.random.default_rng(seed)
    height, width = size
    few = random.integers(90, 256, (3, 4, 3), np.uint8)
    photo = cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros(size, np.uint8)
    centre = random.uniform(0.4, 0.6, 2) * (width, height)
    axes = random.uniform(0.15, 0.25, 2) * (width, height)
    cv2.ellipse(mask, (centre, 2 * axes, float(random.uniform(0, 180))), 1, -1)
    photo[mask > 0] = random.integers(0, 60, 3, np.uint8)
    noisy = photo + random.integers(-6, 7, photo.shape)
    return Pair(noisy.clip(0, 255).astype(np.uint8), mask > 0)


def write_set(
    folder: Path,
    num: int = 12,
    *,
    change: Callable[[int, Pair], Pair] = lambda _, one: one,
    stems: Sequence[str] = (),
    encode: Callable[[Mask], Pixels | Image.Image] = lambda mask: mask * np.uint8(255),
    suffix: str = ".png",
) -> Path:
    """Write a data set of `num` photos.

    Args:
        folder: the data folder.
        num: number of photos.
        change: returns the pair of an index and what it would be.
        stems: names of the photos, by default a00, a01, ...
        encode: returns the picture of a mask.
        suffix: ending of the masks.
    """
    for i in range(num):
        one = change(i, pair(i))
        stem = stems[i] if stems else f"a{i:02}"
        picture = encode(one.mask)
        for name, image, ending in (("images", one.photo, ".jpg"), ("masks", picture, suffix)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            if not isinstance(image, Image.Image):
                image = Image.fromarray(image)
            image.save(folder / name / f"{stem}{ending}", quality=95)
    return folder


def check(*folders: Path, **data: object) -> DatasetCheck:
    """Check data sets with these settings of the table [data]."""
    return check_dataset(folders, {"data": data})


def codes(found: DatasetCheck, *severities: str) -> list[str]:
    """The kinds of findings, of these severities, in order."""
    return [f.code for f in found.all if not severities or f.severity in severities]


def finding(found: DatasetCheck, code: str) -> Finding:
    """The finding of a kind, of which there must be one."""
    (one,) = [f for f in found.all if f.code == code]
    return one


def stems(one: Finding) -> list[str]:
    """The names of the photos that a finding is about."""
    return [photo.stem for photo in one.photos]

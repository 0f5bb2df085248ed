"""A look at one photo and its mask: everything about them that findings are made of."""

from dataclasses import dataclass
from hashlib import sha256

import cv2
import numpy as np

from data.arrays import Mask, Photo
from data.errors import InputError
from data.files import read_bytes
from data.geometry import Size
from data.images import decode_small_photo
from data.samples import Sample, check_fit
from pipeline.checking.edge_fit import EdgeFit, edge_fit
from pipeline.checking.looks import Look, look_of
from pipeline.checking.mask_look import MaskLook, mask_and_look

LEAST_SIDE = 256
"""Shorter side down to which photos are decoded."""

FIT_SIDE, LOOK_SIDE = 384, 192
"""Longer sides at which contours and looks are compared."""


@dataclass(frozen=True)
class Problem:
    """Why a photo with its mask cannot be trained on."""

    code: str
    message: str


@dataclass(frozen=True, eq=False)
class Examined:
    """A photo and its mask, as far as they can be read."""

    sample: Sample
    problems: tuple[Problem, ...] = ()
    size: Size | None = None
    """Size of the photo."""
    look: Look | None = None
    mask: MaskLook | None = None
    fit: EdgeFit | None = None
    """Only if photo and mask have one size."""
    photo_digest: str = ""
    """Hash of the photo's file."""
    mask_digest: str = ""
    """Hash of the mask, reduced to `FIT_SIDE`."""

    @property
    def is_whole(self) -> bool:
        """Whether photo and mask can be read and fit together."""
        return not self.problems and self.size is not None and self.mask is not None


def examine(sample: Sample) -> Examined:
    """Return what is found in a photo and its mask."""
    problems: list[Problem] = []
    photo = size = mask = look = None
    data = b""
    try:
        data = read_bytes(sample.photo)
        photo, size = decode_small_photo(data, str(sample.photo), LEAST_SIDE)
    except InputError as error:
        problems.append(Problem("damaged-photo", str(error)))
    if photo is not None or sample.polygons is None:
        try:
            mask, look = mask_and_look(sample)
        except InputError as error:
            code = "unreadable-mask" if sample.polygons is None else "unusable-polygons"
            problems.append(Problem(code, str(error)))
    if size is not None and mask is not None:
        try:
            check_fit(sample, size, Size(*mask.shape))
        except InputError as error:
            problems.append(Problem("sizes-differ", str(error)))
    small, fit = None, None
    if photo is not None and mask is not None and not problems:
        fitting = reduced(photo, FIT_SIDE)
        small = resized_mask(mask, Size(*fitting.shape[:2]))
        fit = edge_fit(fitting, small)
    return Examined(
        sample=sample,
        problems=tuple(problems),
        size=size,
        look=None if photo is None else look_of(reduced(photo, LOOK_SIDE)),
        mask=look,
        fit=fit,
        photo_digest="" if photo is None else sha256(data).hexdigest(),
        mask_digest="" if small is None else sha256(np.packbits(small).tobytes()).hexdigest(),
    )


def reduced(photo: Photo, long_side: int) -> Photo:
    """Return a photo whose longer side is `long_side`, or the photo if it has not so many."""
    height, width = photo.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return photo
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)


def resized_mask(mask: Mask, size: Size) -> Mask:
    """Return a mask at another size; a pixel is object if half of its area is."""
    grey = mask.astype(np.uint8) * 255
    return np.asarray(cv2.resize(grey, size[::-1], interpolation=cv2.INTER_AREA) >= 128)

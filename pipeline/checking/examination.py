"""A look at one photo and its mask: everything about them that findings are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import cv2
import numpy as np

from data.arrays import Mask, Photo
from data.errors import InputError
from data.files import read_bytes
from data.geometry import Size
from data.images import decode_small_photo
from data.mask_choice import chosen
from data.mask_picture import ColourPicture, MaskPicture
from data.mask_values import MaskValue, UnclearMaskError, background_of, is_of_classes, values_of
from data.masks import decode_mask_picture, default_mask
from data.object_values import all_but, object_values
from data.samples import Sample, check_fit
from pipeline.checking.edge_fit import EdgeFit, edge_fit
from pipeline.checking.looks import Look, look_of
from pipeline.training.photo_facts import ObjectFacts, object_facts

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
class MaskLook:
    """What is in a mask's file, and what is taken for its object."""

    kind: str
    """What kind of picture it is, for a person."""
    values: tuple[MaskValue, ...]
    needs_choice: bool
    """Whether nothing says which of its values are the object; all but the background are taken for
    it meanwhile."""
    facts: ObjectFacts
    box: tuple[int, int]
    """Height and width of the object in pixels; zeros if there is none."""
    border_share: float
    """Share of the photo's border that is object."""

    @property
    def share(self) -> float:
        """Share of the photo that is object."""
        return self.facts.area / self.facts.size.area


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
    try:
        mask, look = _mask_and_look(sample)
    except InputError as error:
        problems.append(Problem("unreadable-mask", str(error)))
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


def read_any_mask(sample: Sample) -> tuple[Mask, MaskPicture, bool]:
    """Return a mask, its picture, and whether nothing says which of its values are the object.

    If nothing does, all but the background are taken for it.

    Raises:
        InputError: it cannot be read, or is none.
    """
    name = str(sample.mask)
    picture = decode_mask_picture(read_bytes(sample.mask), name)
    wanted = object_values(sample.object_values)
    if wanted is not None:
        return chosen(picture, wanted, name), picture, False
    try:
        return default_mask(picture, name), picture, False
    except UnclearMaskError as error:
        if not is_of_classes(picture, error.values):
            raise
        return chosen(picture, all_but(background_of(error.values)), name), picture, True


def _mask_and_look(sample: Sample) -> tuple[Mask, MaskLook]:
    """Return a mask and what is in its file.

    Raises:
        InputError: it cannot be read, or is none.
    """
    mask, picture, needs_choice = read_any_mask(sample)
    values = values_of(picture, mask)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    sides = mask[0], mask[-1], mask[:, 0], mask[:, -1]
    is_default = not sample.object_values and not needs_choice
    return mask, MaskLook(
        kind=kind_of(picture, values, is_default=is_default),
        values=tuple(values),
        needs_choice=needs_choice,
        facts=object_facts(mask),
        box=(int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1) if len(rows) else (0, 0),
        border_share=float(np.concatenate(sides).mean()),
    )


def kind_of(picture: MaskPicture, values: Sequence[MaskValue], *, is_default: bool) -> str:
    """Return what kind of picture a mask is, in words.

    Args:
        picture: the mask.
        values: what is in it.
        is_default: whether it was read as a mask of two values.
    """
    saved = " saved as JPEG" if picture.is_lossy else ""
    if isinstance(picture, ColourPicture):
        return f"colours{saved}" if picture.alpha is None else "a picture with transparency"
    if picture.palette is not None:
        return "a palette"
    soft = " with soft edges or noise" if is_default and len(values) > 2 else ""
    return f"grey values{soft}{saved}"

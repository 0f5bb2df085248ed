"""The picture in a mask's file as it is stored: numbers or colours, before anything is chosen."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from data.arrays import Pixels
from data.decoding.rgb_strips import turned
from data.images import LUMA, orientation
from data.mask_levels import Coded, coded
from data.object_values import MAX_NUMBER

Numbers = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class NumberPicture:
    """The upright pixels of a mask in grey, or with a palette."""

    numbers: Numbers
    """(H, W) grey values, class indices, or indices of the palette."""
    palette: Pixels | None = None
    """(256, 3) the colour of each index; None if they are all grey, and `numbers` are the greys."""
    is_lossy: bool = False
    """Whether it comes from a JPEG, whose values are spread by noise."""


@dataclass(frozen=True, eq=False)
class ColourPicture:
    """The upright pixels of a mask that is in colour, or has transparency."""

    colours: Pixels
    """(H, W, 3) RGB."""
    alpha: Pixels | None = None
    """(H, W) opacity, if a part is not opaque."""
    is_lossy: bool = False

    @cached_property
    def coded(self) -> Coded:
        """Its colours as codes."""
        return coded(self.colours)


MaskPicture = NumberPicture | ColourPicture


def picture_of(image: ImageFile) -> MaskPicture:
    """Return the picture of an opened mask."""
    image.load()  # of TIFF this applies the orientation, and takes it out of the EXIF data
    turn, is_lossy = orientation(image), image.format == "JPEG"
    if has_transparency(image):
        rgba = turned(np.array(image.convert("RGBA"), np.uint8), turn)
        rgb, alpha = np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3])
        return ColourPicture(rgb, alpha, is_lossy)
    if image.mode == "P":
        indices, palette = turned(np.array(image, np.uint8), turn), palette_of(image)
        greys = as_one_channel(palette)
        if greys is not None:
            return NumberPicture(
                np.asarray(cv2.LUT(indices, np.ascontiguousarray(greys)), np.uint8)
            )
        return NumberPicture(indices, palette)
    if image.mode in ("1", "L") or image.mode.startswith("I"):
        return NumberPicture(turned(_numbers_of(image), turn), is_lossy=is_lossy)
    rgb = turned(np.array(image.convert("RGB"), np.uint8), turn)
    grey = as_one_channel(rgb)
    if grey is None:
        return ColourPicture(rgb, is_lossy=is_lossy)
    return NumberPicture(np.ascontiguousarray(grey), is_lossy=is_lossy)


def _numbers_of(image: Image.Image) -> Numbers:
    """Return the (H, W) values of a picture of one channel, of 8 bits where that is enough."""
    if image.mode in ("1", "L"):
        return np.array(image.convert("L"), np.uint8)
    wide = np.asarray(image).astype(np.int64).clip(0, MAX_NUMBER)
    return wide.astype(np.uint8) if wide.max() < 256 else wide.astype(np.uint16)


def has_transparency(image: Image.Image) -> bool:
    """Whether a part of a picture is not opaque."""
    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa") and "transparency" not in image.info:
        return False
    return bool(np.asarray(image.convert("RGBA").getchannel("A")).min() < 255)


def palette_of(image: Image.Image) -> Pixels:
    """Return the (256, 3) colours of an image of mode P; those that it leaves out are black."""
    palette = np.zeros((256, 3), np.uint8)
    colours = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    palette[: len(colours)] = colours
    return palette


def as_one_channel(pixels: Pixels) -> Pixels | None:
    """Return the one channel of (..., 3) grey `pixels`, None if they are in colour."""
    few = pixels[::97]  # which tell of most pictures, in no time
    if (few != few[..., :1]).any():
        return None
    return None if (pixels != pixels[..., :1]).any() else pixels[..., 0]


def palette_to_grey(indices: Pixels, palette: Pixels) -> Pixels | None:
    """Return the grey of a palette's grey colours, 0 and 1 of two others, else None."""
    used = np.flatnonzero(np.bincount(indices.ravel()))
    grey = as_one_channel(palette[used])
    if grey is None and len(used) <= 2:
        # Of two equally bright colours the later in the palette is the object.
        brighter = max(used, key=lambda index: (palette[index] @ LUMA, index))
        return np.asarray(indices == brighter).astype(np.uint8)
    if grey is None:
        return None
    return np.asarray(palette[indices, 0])

"""Decoding masks to bool: pictures of two values, perhaps with a soft edge or noise between them.

As in `data.images`, functions that decode take bytes, and a name for their messages.
"""

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.arrays import Mask, Pixels
from data.decoding.png_chunks import check_png
from data.decoding.rgb_strips import turned
from data.errors import InputError
from data.files import read_bytes
from data.images import (
    LUMA,
    MAX_PIXELS,
    encode_png,
    opened_image,
    orientation,
    write_png,
)
from data.mask_noise import levels_of


def read_mask(path: str | Path, max_pixels: int = MAX_PIXELS) -> Mask:
    """Return the mask in the file at `path`; see `decode_mask`.

    Raises:
        InputError: the file cannot be read, or is no mask.
    """
    return decode_mask(read_bytes(Path(path)), str(path), max_pixels)


def decode_mask(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Mask:
    """Return an encoded mask as (H, W) bool.

    Of two values the larger is the object, whichever they are (0 and 1, 0 and 255, the
    brighter one of a palette's two colours). A mask of one value is empty where that is 0,
    else full. More values are thresholded at one half if `data.mask_noise` finds only soft edges,
    hair or noise between two. If part of the picture is transparent, the opaque part is the object,
    unless that part is itself black and white. The EXIF orientation is applied.

    Args:
        data: a whole image file, in a format that `data.images` reads.
        name: name of the file in messages.
        max_pixels: most pixels that it may have.

    Raises:
        InputError: `data` is no image or has too many pixels, has more than two values that are
            no edge, or is a picture in colour.
    """
    grey, counts = _decoded(data, name, max_pixels)
    values = np.flatnonzero(counts)
    if len(values) <= 2:
        return np.asarray(grey > (values[0] if len(values) == 2 else 0))
    levels = levels_of(grey, counts)
    if levels is None:
        raise InputError(
            f"{name} has {len(values)} values ({_listed(values)}); a mask has two, with at most a "
            "soft edge or the noise of a JPEG file between them; set every pixel to 0 or to 255"
        )
    return np.asarray(grey >= (sum(levels) + 1) // 2)


def decode_soft_mask(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Return an encoded mask as (H, W) uint8 probabilities, 255 for certain object.

    The same files as for `decode_mask`, but values between background and object are kept, and may
    fill even areas, as those of a trimap do.

    Args:
        data: a whole image file, in a format that `data.images` reads.
        name: name of the file in messages.
        max_pixels: most pixels that it may have.

    Raises:
        InputError: `data` is no image or has too many pixels, is a picture, in colour or in grey,
            or a map of several labels.
    """
    grey, counts = _decoded(data, name, max_pixels)
    values = np.flatnonzero(counts)
    if len(values) <= 2:
        return _as_grey(np.asarray(grey > (values[0] if len(values) == 2 else 0)))
    levels = levels_of(grey, counts, is_soft=True)
    if levels is None:
        raise InputError(
            f"{name} has {len(values)} values ({_listed(values)}) that are no probabilities of one "
            "object; most pixels of a mask are background, near 0, or object, near 255"
        )
    low, high = levels
    table = ((np.arange(256) - low) * (255 / (high - low))).round().clip(0, 255).astype(np.uint8)
    return np.asarray(table[grey])


def write_mask(path: str | Path, mask: Mask) -> None:
    """Write (H, W) bool `mask` as a PNG of 0 and 255 to `path`, completely or not at all."""
    write_png(Path(path), _as_grey(mask))


def encode_mask(mask: Mask) -> bytes:
    """Return (H, W) bool `mask` as a PNG file of 0 and 255."""
    return encode_png(_as_grey(mask))


def _decoded(data: bytes, name: str, max_pixels: int) -> tuple[Pixels, NDArray[np.int64]]:
    """Return the upright (H, W) uint8 grey of an encoded mask, and how often each value occurs."""
    with opened_image(BytesIO(data), name, max_pixels) as image:
        check_png(data, name)
        grey = _to_grey(image, name)
    # A third of the time of `np.unique` or `np.bincount`.
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    return grey, counts


def _as_grey(mask: Mask) -> Pixels:
    return mask * np.uint8(255)


def _to_grey(image: Image.Image, name: str) -> Pixels:
    """Return the upright (H, W) uint8 grey of a mask; transparency becomes black."""
    image.load()  # of TIFF this applies the orientation, and takes it out of the EXIF data
    return turned(_grey_of(image, name), orientation(image))


def _grey_of(image: Image.Image, name: str) -> Pixels:
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        return (wide if wide.max() < 256 else wide >> 8).clip(0, 255).astype(np.uint8)
    if has_transparency(image):
        return _by_opacity(image, name)
    if image.mode in ("1", "L"):
        return np.array(image.convert("L"))
    grey = _palette_to_grey(image) if image.mode == "P" else _as_one_channel(_rgb(image))
    if grey is None:
        raise InputError(
            f"{name} is a picture in colour, not a mask; make the object white and all else black"
        )
    return grey


def _by_opacity(image: Image.Image, name: str) -> Pixels:
    """Return the (H, W) uint8 mask of a picture that is not opaque everywhere.

    Raises:
        InputError: nothing of it is opaque, although it holds a picture.
    """
    rgba = np.asarray(image.convert("RGBA"))
    alpha = rgba[..., 3]
    visible = rgba[..., :3][alpha > 0]
    if not len(visible):
        if (rgba != rgba[0, 0]).any():
            raise InputError(f"{name} is transparent everywhere, so it shows no object")
        return np.zeros(alpha.shape, np.uint8)
    grey = _as_one_channel(visible)
    if grey is not None and grey.min() == 0 and grey.max() == 255 and _is_binary(grey):
        # A mask in black and white, part of whose background is transparent.
        return np.where(alpha >= 128, rgba[..., 0], 0).astype(np.uint8)
    return np.array(alpha)


def has_transparency(image: Image.Image) -> bool:
    """Whether a part of a picture is not opaque."""
    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa") and "transparency" not in image.info:
        return False
    return bool(np.asarray(image.convert("RGBA").getchannel("A")).min() < 255)


def _is_binary(grey: Pixels) -> bool:
    return bool(((grey == 0) | (grey == 255)).all())


def _rgb(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("RGB"))


def _palette_to_grey(image: Image.Image) -> Pixels | None:
    """Return the grey of a palette's grey colours, 0 and 1 of two others, else None."""
    indices: Pixels = np.asarray(image)
    palette = np.zeros((256, 3), np.uint8)
    colours = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    palette[: len(colours)] = colours
    used = np.flatnonzero(np.bincount(indices.ravel()))
    grey = _as_one_channel(palette[used])
    if grey is None and len(used) <= 2:
        # Of two equally bright colours the later in the palette is the object.
        brighter = max(used, key=lambda index: (palette[index] @ LUMA, index))
        return np.asarray(indices == brighter).astype(np.uint8)
    if grey is None:
        return None
    return np.asarray(palette[indices, 0])


def _as_one_channel(pixels: Pixels) -> Pixels | None:
    """Return the one channel of (..., 3) grey `pixels`, None if they are in colour."""
    return None if (pixels != pixels[..., :1]).any() else pixels[..., 0]


def _listed(values: NDArray[np.intp]) -> str:
    shown = ", ".join(str(value) for value in values[:6])
    return shown + (", ..." if len(values) > 6 else "")

"""Decoding masks to bool: pictures of two values, or of several of which some are the object.

As in `data.images`, functions that decode take bytes, and a name for their messages.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask, Pixels
from data.decoding.png_chunks import check_png
from data.errors import InputError
from data.files import read_bytes
from data.images import MAX_PIXELS, encode_png, opened_image, write_png
from data.mask_choice import chosen
from data.mask_noise import threshold_between, two_levels
from data.mask_picture import (
    MaskPicture,
    NumberPicture,
    as_one_channel,
    palette_to_grey,
    picture_of,
)
from data.mask_values import UnclearMaskError
from data.object_values import object_values as parsed
from data.picture_provenance import PictureProvenance
from data.png_extras import with_chunks


def read_mask(
    path: str | Path, max_pixels: int = MAX_PIXELS, object_values: Sequence[int | str] = ()
) -> Mask:
    """Return the mask in the file at `path`; see `decode_mask`.

    Raises:
        InputError: the file cannot be read, or is no mask.
    """
    return decode_mask(read_bytes(Path(path)), str(path), max_pixels, object_values)


def decode_mask(
    data: bytes, name: str, max_pixels: int = MAX_PIXELS, object_values: Sequence[int | str] = ()
) -> Mask:
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
        object_values: the values that are the object, as in the setting `data.object`. They are
            needed where a mask has several, and count for every mask.

    Raises:
        InputError: `data` is no image or has too many pixels, has more than two values that are
            no edge, or is a picture in colour, and `object_values` does not say what is the object.
        SettingsError: `object_values` is something else.
    """
    values = parsed(object_values)
    picture = decode_mask_picture(data, name, max_pixels)
    return default_mask(picture, name) if values is None else chosen(picture, values, name)


def decode_mask_picture(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> MaskPicture:
    """Return the picture in an encoded mask, before anything in it is taken for the object.

    Raises:
        InputError: `data` is no image or has too many pixels.
    """
    with opened_image(BytesIO(data), name, max_pixels) as image:
        check_png(data, name)
        return picture_of(image)


def default_mask(picture: MaskPicture, name: str) -> Mask:
    """Return the (H, W) object of a mask where no setting says which values it has.

    Raises:
        InputError: it has several values or colours.
    """
    grey, counts = _to_grey(picture, name)
    values = np.flatnonzero(counts)
    if len(values) <= 2:
        return np.asarray(grey > (values[0] if len(values) == 2 else 0))
    levels = two_levels(grey, counts)
    if levels is None:
        raise UnclearMaskError(name, picture)
    return np.asarray(grey >= threshold_between(levels))


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
    grey, counts = _to_grey(decode_mask_picture(data, name, max_pixels), name)
    values = np.flatnonzero(counts)
    if len(values) <= 2:
        return _as_grey(np.asarray(grey > (values[0] if len(values) == 2 else 0)))
    levels = two_levels(grey, counts, is_soft=True)
    if levels is None:
        raise InputError(
            f"{name} has {len(values)} values that are no probabilities of one object; most pixels "
            "of a mask are background, near 0, or object, near 255"
        )
    low, high = levels
    table = ((np.arange(256) - low) * (255 / (high - low))).round().clip(0, 255).astype(np.uint8)
    return np.asarray(table[grey])


def write_mask(path: str | Path, mask: Mask) -> None:
    """Write (H, W) bool `mask` as a PNG of 0 and 255 to `path`, completely or not at all."""
    write_png(Path(path), _as_grey(mask))


def encode_mask(mask: Mask, provenance: PictureProvenance | None = None) -> bytes:
    """Return (H, W) bool `mask` as a PNG file of 0 and 255, which says how it was made."""
    data = encode_png(_as_grey(mask))
    return data if provenance is None else with_chunks(data, provenance.png_chunks())


def _as_grey(mask: Mask) -> Pixels:
    return mask * np.uint8(255)


def _to_grey(picture: MaskPicture, name: str) -> tuple[Pixels, NDArray[np.int64]]:
    """Return the (H, W) uint8 grey of a mask, and the number of pixels of each value.

    Transparency becomes black.

    Raises:
        InputError: it is in colour, or has a picture that is transparent everywhere.
    """
    grey = _grey_of(picture, name)
    # A third of the time of `np.unique` or `np.bincount`.
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    return grey, counts


def _grey_of(picture: MaskPicture, name: str) -> Pixels:
    if isinstance(picture, NumberPicture):
        return _numbers_to_grey(picture, name)
    if picture.alpha is None:
        raise UnclearMaskError(name, picture)
    return _by_opacity(picture.colours, picture.alpha, name)


def _numbers_to_grey(picture: NumberPicture, name: str) -> Pixels:
    numbers = picture.numbers
    if numbers.dtype != np.uint8:
        return (numbers >> 8).astype(np.uint8)
    if picture.palette is None:
        return np.asarray(numbers, np.uint8)
    grey = palette_to_grey(np.asarray(numbers, np.uint8), picture.palette)
    if grey is None:
        raise UnclearMaskError(name, picture)
    return grey


def _by_opacity(colours: Pixels, alpha: Pixels, name: str) -> Pixels:
    """Return the (H, W) uint8 mask of a picture that is not opaque everywhere.

    Raises:
        InputError: nothing of it is opaque, although it holds a picture.
    """
    visible = colours[alpha > 0]
    if not len(visible):
        if (colours != colours[0, 0]).any():
            raise InputError(f"{name} is transparent everywhere, so it shows no object")
        return np.zeros(alpha.shape, np.uint8)
    grey = as_one_channel(visible)
    if grey is not None and grey.min() == 0 and grey.max() == 255 and _is_binary(grey):
        # A mask in black and white, part of whose background is transparent.
        return np.where(alpha >= 128, colours[..., 0], 0).astype(np.uint8)
    return alpha


def _is_binary(grey: Pixels) -> bool:
    return bool(((grey == 0) | (grey == 255)).all())

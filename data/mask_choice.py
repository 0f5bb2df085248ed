"""The object of a mask of several values, chosen by the setting `data.object`."""

import json
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask, Pixels
from data.errors import InputError
from data.mask_levels import FEW_VALUES, coded, find_levels, is_unclear, level_of_each
from data.mask_noise import threshold_between, two_levels
from data.mask_picture import ColourPicture, MaskPicture, NumberPicture
from data.mask_values import NO_MASK, colour_names
from data.object_values import MAX_NUMBER, ObjectValues

OPAQUE = 128
"""Least opacity of the object."""

JPEG_NOISE = 24
"""Grey values nearer to each other than this are one in a JPEG."""


def chosen(picture: MaskPicture, values: ObjectValues, name: str) -> Mask:
    """Return the (H, W) object of a mask: the pixels of `values`, as far as they are opaque.

    A number is that of the file: of a palette the index, of a picture in grey the value. Soft edges
    and the noise of a JPEG belong to the nearest value.

    Raises:
        InputError: the mask is a photo, or in colour while `values` are class indices, or `values`
            are categories of polygons.
    """
    if values.names and not (values.numbers or values.colours):
        raise InputError(
            f"{name} is a picture, so data.object cannot name {min(values.names)!r}, a category of "
            "polygons; name the values of the object"
        )
    if isinstance(picture, NumberPicture):
        return _by_number(picture, values, name)
    mask = _by_colour(picture, values, name)
    return mask if picture.alpha is None else mask & (picture.alpha >= OPAQUE)


def _by_colour(picture: ColourPicture, values: ObjectValues, name: str) -> Mask:
    named = values.all_colours
    levels = find_levels(picture.coded, named, is_lossy=picture.is_lossy)
    index, unclear = level_of_each(picture.coded, levels)
    if is_unclear(unclear):
        raise InputError(f"{name} {NO_MASK}")
    numbers = sorted(values.numbers - {0})
    if numbers:
        shown = ", ".join(colour_names(levels)[:6])
        raise InputError(
            f"{name} is in colour ({shown}), so data.object cannot name {numbers[0]}; name colours,"
            f" such as {json.dumps(colour_names(levels)[-1:])}"
        )
    is_object = (np.arange(len(levels)) < len(named)) ^ values.is_complement
    return np.asarray(is_object[index])


def _by_number(picture: NumberPicture, values: ObjectValues, name: str) -> Mask:
    numbers, palette = picture.numbers, picture.palette
    if palette is not None:
        named = values.numbers | {
            i for i, colour in enumerate(palette.tolist()) if tuple(colour) in values.colours
        }
    else:
        named = values.greys
    table = np.isin(np.arange(MAX_NUMBER + 1), sorted(named))
    if palette is None and numbers.dtype == np.uint8:
        grey = np.asarray(numbers, np.uint8)
        counts = np.bincount(grey.ravel(), minlength=256)
        if picture.is_lossy or np.count_nonzero(counts) > FEW_VALUES:
            is_lossy = picture.is_lossy
            table = _with_noise(grey, counts, sorted(named), name, is_lossy=is_lossy)
    return np.asarray((table ^ values.is_complement)[numbers])


def _with_noise(
    grey: Pixels, counts: NDArray[np.int64], named: list[int], name: str, *, is_lossy: bool
) -> Mask:
    """Return for each of the 256 grey values whether its level is `named`.

    Raises:
        InputError: the noise of a JPEG hides which values are which.
    """
    grid = np.arange(256)
    levels = two_levels(grey, counts)
    if levels is not None and set(named) <= set(levels):
        dark, bright = (level in named for level in levels)
        return np.where(grid < threshold_between(levels), dark, bright)
    if not is_lossy:
        return np.isin(grid, named)
    close = [b for a, b in pairwise([0, *named]) if 0 < b - a < JPEG_NOISE]
    if close:
        raise InputError(
            f"{name} is a JPEG, whose noise hides where {close[0]} is (data.object); save masks of "
            "classes as PNG"
        )
    colours = [(number,) * 3 for number in named if number < 256]
    found = find_levels(coded(np.repeat(grey[..., None], 3, axis=-1)), colours, is_lossy=True)
    ramp = coded(np.repeat(grid[None, :, None].astype(np.uint8), 3, axis=-1))
    return np.asarray(level_of_each(ramp, found)[0][0] < len(colours))

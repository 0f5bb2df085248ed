"""How many pixels of two encoded pictures differ, whatever else is in their files."""

from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.geometry import Size
from data.images import opened_image

LEVELS = 8
"""Differences of alpha and colours up to this, of 255, are those of rounding and of compression."""


def num_different(data: bytes, other: bytes, name: str) -> int:
    """Return the number of pixels of two pictures that differ in a channel by more than `LEVELS`.

    Args:
        data: the file of a picture, perhaps saved again by another program.
        other: a file of ours, which says what grey, colours and transparency are compared in. If
            it is no picture, only the same bytes are the same.
        name: name of the first file in messages.

    Raises:
        InputError: the first file is no picture, is damaged, or is of another size; or the files
            differ, and the other is no picture.
    """
    if data == other:
        return 0
    try:
        wanted, mode = _decoded(other, name, None)
    except InputError:
        raise InputError(f"{name} is not what the model makes") from None
    found, _ = _decoded(data, name, mode)
    sizes = [Size(*pixels.shape[:2]) for pixels in (found, wanted)]
    if sizes[0] != sizes[1]:
        raise InputError("has {1} x {0} pixels instead of {3} x {2}".format(*sizes[0], *sizes[1]))
    levels = LEVELS if wanted.dtype == np.uint8 else LEVELS * 257
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        return sizes[1].area
    apart = cv2.absdiff(found, wanted).reshape(*wanted.shape[:2], -1)
    return int(np.count_nonzero((apart > levels).any(axis=2)))


def _decoded(data: bytes, name: str, mode: str | None) -> tuple[NDArray[Any], str]:
    """Return the pixels of a picture and its mode; 8 bits are converted to `mode` first.

    Raises:
        InputError: it is no picture, or damaged.
    """
    with opened_image(BytesIO(data), name) as image:
        image.load()  # which notices damage that OpenCV does not
        if image.format == "PNG" and data[24] == 16:  # of which Pillow keeps 8 bits
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            if pixels is None:
                raise InputError(f"{name} is damaged")
            return np.asarray(pixels), image.mode
        converted = image if mode in (None, image.mode) else image.convert(mode)
        return np.asarray(converted), image.mode

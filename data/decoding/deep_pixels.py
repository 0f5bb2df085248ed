"""Pictures of more than 8 bits a channel, as one or several channels of integers, to RGB.

Pillow reads one channel of 16 or 32 bits, and cuts several of 16 down to their upper 8. So those
are read by OpenCV, after Pillow has found that the file is whole.
"""

import struct
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from data.arrays import Photo, Pixels
from data.decoding.bit_depth import Values, to_eight_bits
from data.decoding.rgb_strips import laid_on_white, strips

BITS_A_SAMPLE, PHOTOMETRIC, MAX_SAMPLE = 258, 262, 281
"""Tags of TIFF."""

WHITE_IS_ZERO = 0


class Depth(NamedTuple):
    """What a file says of its values before they are read."""

    has_channels: bool
    """Whether there are several channels of 16 bits."""
    bits: int | None
    """How many bits they have, None where it does not say."""
    is_negative: bool
    """Whether 0 is white."""


def depth_of(image: ImageFile, data: bytes) -> Depth | None:
    """Return the depth of an image that was opened, not yet loaded; None if it has 8 bits.

    Args:
        image: from Pillow.
        data: the file.
    """
    is_single = image.mode == "I" or image.mode.startswith("I;16")
    if isinstance(image, TiffImageFile):
        tags = image.tag_v2
        if not is_single and max(tags.get(BITS_A_SAMPLE, (1,))) != 16:
            return None
        return Depth(not is_single, _bits_of_tiff(image), tags.get(PHOTOMETRIC) == WHITE_IS_ZERO)
    is_deep = image.format == "PNG" and any(";16" in str(tile.args) for tile in image.tile)
    if not is_single and not is_deep:
        return None
    return Depth(not is_single, 16 if _significant_bits(data) >= 15 else None, False)


def deep_to_rgb(image: Image.Image, depth: Depth) -> Photo:
    """Return a loaded image of one channel of 16 or 32 bits as (H, W, 3) uint8 RGB."""
    grey = to_eight_bits(np.asarray(image), depth.bits)
    if depth.is_negative:
        np.subtract(255, grey, out=grey)
    return np.repeat(grey[..., None], 3, axis=2)


def channels_to_rgb(data: bytes, depth: Depth) -> Photo | None:
    """Return the (H, W, 3) uint8 RGB pixels, not turned, of a file with several 16 bit channels.

    None if OpenCV cannot read it, as with CMYK: Pillow's upper 8 bits then have to do.
    """
    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16 or deep.ndim != 3 or deep.shape[2] not in (3, 4):
        return None
    values: Values = np.asarray(deep)
    photo = to_eight_bits(values[..., :3], depth.bits)
    cv2.cvtColor(photo, cv2.COLOR_BGR2RGB, dst=photo)
    if values.shape[2] == 4:
        _lay_on_white(photo, to_eight_bits(values[..., 3]))
    return photo


def _lay_on_white(photo: Photo, alpha: Pixels) -> None:
    for rows in strips(*alpha.shape):
        photo[rows] = laid_on_white(photo[rows], alpha[rows])


def _bits_of_tiff(image: TiffImageFile) -> int | None:
    in_file = int(max(image.tag_v2.get(BITS_A_SAMPLE, (16,))))
    if in_file not in (16, 32):
        return in_file  # such as 12, packed
    largest = image.tag_v2.get(MAX_SAMPLE)
    largest = max(largest) if isinstance(largest, tuple) else largest
    if not isinstance(largest, int | float) or largest < 1:
        return None
    return int(largest).bit_length()


def _significant_bits(png: bytes) -> int:
    """Return the bits of the first channel as the chunk sBIT of a PNG has them, 0 without one."""
    position = 8
    while position + 8 < len(png):
        length, kind = struct.unpack_from(">I4s", png, position)
        if kind == b"sBIT" and length:
            return png[position + 8]
        if kind == b"IDAT":
            return 0
        position += length + 12
    return 0

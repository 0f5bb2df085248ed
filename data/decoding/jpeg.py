"""Decoding JPEGs of which every pixel is there.

A decoder goes on where a JPEG is damaged, with a warning, and paints grey or colours what it cannot
read. Here a warning refuses the file, unless it is gone from the `mended` one: with stray bytes
between segments or before the end marker, without an end marker, or with a header that says things
nobody needs, every pixel is there. Bytes after the end marker are never looked at.

Two kinds of damage draw no warning. Zeros in the middle may by chance end where the picture does;
`has_hole` finds them. And arithmetic coding reads zeros after its end, see `_needs_more`.
"""

import numpy as np
import simplejpeg

from data.arrays import Photo, Pixels
from data.decoding.jpeg_segments import ARITHMETIC, frame_of, has_hole, mended
from data.errors import InputError

BEHIND = bytes(8) + b"\x5a" * 64
"""Data that a whole arithmetic-coded JPEG does not need. Zeros at its end may be left out."""


def decode_jpeg(data: bytes, name: str, least_side: int = 0) -> Photo | None:
    """Return the (H, W, 3) uint8 RGB pixels of a JPEG in RGB, YCbCr or grey, not turned.

    None if the decoder does not know its layout of channels, which does not tell about damage.

    Args:
        data: a whole file.
        name: name of the file in messages.
        least_side: if given, the picture may be reduced as long as both sides have so many pixels,
            which takes a third of the time. All of the file is read nevertheless.

    Raises:
        InputError: a part of it is missing or overwritten.
    """
    return _whole(data, "RGB", name, least_side)


def check_cmyk(data: bytes, name: str) -> None:
    """Raise if a JPEG of four channels is damaged.

    Raises:
        InputError: it is.
    """
    _whole(data, "CMYK", name)


def _whole(data: bytes, space: str, name: str, least_side: int = 0) -> Pixels | None:
    try:
        pixels = _decoded(data, space, least_side)
        _check(data, space, pixels, least_side)
        return pixels
    except ValueError as error:
        found = error
    if not _is_known(data):
        return None
    try:
        pixels = _decoded(mended(data), space, least_side)
        _check(data, space, pixels, least_side)
        return pixels
    except ValueError:
        raise InputError(
            f"{name} is damaged: a part of the picture is missing or overwritten ({found})"
        ) from found


def _check(data: bytes, space: str, pixels: Pixels, least_side: int) -> None:
    """Raise if a JPEG that draws no warning is damaged nevertheless.

    Raises:
        ValueError: it is.
    """
    if has_hole(data):
        raise ValueError("zeros in its middle")
    if frame_of(data) in ARITHMETIC and _needs_more(data, space, pixels, least_side):
        raise ValueError("it ends too early")


def _needs_more(data: bytes, space: str, pixels: Pixels, least_side: int) -> bool:
    """Whether the pixels of an arithmetic-coded JPEG depend on what stands behind its data."""
    whole = mended(data)
    longer = whole.removesuffix(b"\xff\xd9") + BEHIND + b"\xff\xd9"
    return not np.array_equal(_decoded(longer, space, least_side, strict=False), pixels)


def _decoded(data: bytes, space: str, least_side: int, *, strict: bool = True) -> Pixels:
    """Return the pixels of a JPEG.

    Raises:
        ValueError: the decoder refuses it, or it is to be `strict` and warns.
    """
    pixels = simplejpeg.decode_jpeg(
        data, space, min_height=least_side, min_width=least_side, strict=strict
    )
    return np.asarray(pixels, np.uint8)


def _is_known(data: bytes) -> bool:
    """Whether the decoder knows the layout of channels."""
    try:
        simplejpeg.decode_jpeg_header(data, strict=False)
    except ValueError:
        return False
    return True

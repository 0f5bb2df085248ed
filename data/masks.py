"""Decoding masks to bool: pictures of two values, perhaps with an anti-aliased edge between them.

As in `data.images`, functions that decode take bytes, and a name for their messages.
"""

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.arrays import Mask, Pixels
from data.errors import InputError
from data.files import read_bytes
from data.images import LUMA, MAX_PIXELS, encode_png, opened_image, write_png

EDGE = 3
"""Largest width of an anti-aliased edge on either side of the contour, in pixels."""


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
    else full. More values are read as an anti-aliased edge and thresholded at one half.
    Transparency is laid on black.

    Args:
        data: a whole image file, in a format that `data.images` reads.
        name: name of the file in messages.
        max_pixels: most pixels that it may have.

    Raises:
        InputError: `data` is no image or has too many pixels, has more than two values that are
            no edge, or is a picture in colour.
    """
    with opened_image(BytesIO(data), name, max_pixels) as image:
        grey = _to_grey(image, name)
    # A third of the time of `np.unique` or `np.bincount`.
    values = np.flatnonzero(cv2.calcHist([grey], [0], None, [256], [0, 256]))
    if len(values) <= 2:
        return np.asarray(grey > (values[0] if len(values) == 2 else 0))
    mask = grey >= 128
    if values[0] != 0 or values[-1] != 255 or not _is_edge(grey, mask):
        raise InputError(
            f"{name} has {len(values)} values ({_listed(values)}); "
            "a mask has two, or an anti-aliased edge between 0 and 255"
        )
    return mask


def write_mask(path: str | Path, mask: Mask) -> None:
    """Write (H, W) bool `mask` as a PNG of 0 and 255 to `path`, completely or not at all."""
    write_png(Path(path), _as_grey(mask))


def encode_mask(mask: Mask) -> bytes:
    """Return (H, W) bool `mask` as a PNG file of 0 and 255."""
    return encode_png(_as_grey(mask))


def _as_grey(mask: Mask) -> Pixels:
    return mask * np.uint8(255)


def _to_grey(image: Image.Image, name: str) -> Pixels:
    if image.mode in ("1", "L"):
        plain = np.array(image.convert("L"))
        transparent = image.info.get("transparency")
        if transparent is not None:
            plain[plain == transparent] = 0
        return plain
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        return (wide if wide.max() < 256 else wide >> 8).clip(0, 255).astype(np.uint8)
    if image.mode == "P":
        grey = _palette_to_grey(image)
    else:
        rgba = image.convert("RGBA")
        laid = Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba)
        grey = _as_one_channel(np.asarray(laid)[..., :3])
    if grey is None:
        raise InputError(f"{name} is a picture in colour, not a mask")
    return grey


def _palette_to_grey(image: Image.Image) -> Pixels | None:
    """Return the grey of a palette's grey colours, 0 and 1 of two others, else None."""
    indices: Pixels = np.asarray(image)
    opaque = np.zeros((256, 3))
    colours = np.array(image.getpalette()).reshape(-1, 3)
    opaque[: len(colours)] = colours
    palette = (opaque * _palette_alpha(image)[:, None]).round().astype(np.uint8)
    used = np.flatnonzero(np.bincount(indices.ravel()))
    grey = _as_one_channel(palette[used])
    if grey is None and len(used) <= 2:
        # Of two equally bright colours the later in the palette is the object.
        brighter = max(used, key=lambda index: (palette[index] @ LUMA, index))
        return np.asarray(indices == brighter).astype(np.uint8)
    if grey is None:
        return None
    return np.asarray(palette[indices, 0])


def _palette_alpha(image: Image.Image) -> NDArray[np.float64]:
    """Return (256,) how opaque each colour of a palette is, from 0 to 1."""
    alpha = np.ones(256)
    transparency = image.info.get("transparency")
    if isinstance(transparency, bytes):
        alpha[: len(transparency)] = np.frombuffer(transparency, np.uint8) / 255
    elif transparency is not None:
        alpha[transparency] = 0
    return alpha


def _as_one_channel(pixels: Pixels) -> Pixels | None:
    """Return the one channel of (..., 3) grey `pixels`, None if they are in colour."""
    return None if (pixels != pixels[..., :1]).any() else pixels[..., 0]


def _is_edge(grey: Pixels, mask: Mask) -> bool:
    """Whether all values between 0 and 255 lie close to the contour of `mask`."""
    kernel = np.ones((2 * EDGE + 1, 2 * EDGE + 1))
    object_ = mask.view(np.uint8)
    near = (cv2.dilate(object_, kernel) == 1) & (cv2.erode(object_, kernel) == 0)
    between = (grey > 0) & (grey < 255)
    return bool((near | ~between).all())


def _listed(values: NDArray[np.intp]) -> str:
    shown = ", ".join(str(value) for value in values[:6])
    return shown + (", ..." if len(values) > 6 else "")

"""Decoded pictures of any mode to RGB, a strip of rows at a time, so that memory stays small.

A whole picture converted at once takes up to 18 bytes a pixel on the way, and this 7: Pillow's 4
and 3 of the result.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.arrays import Photo, Pixels
from data.decoding.colour_profile import applied, to_srgb, transform_of

Integers = TypeVar("Integers", bound=NDArray[np.unsignedinteger])

STRIP = 2**20
"""Pixels of a strip, unless a single row has more."""

UPRIGHT: dict[int, Callable[[NDArray[np.unsignedinteger]], object]] = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: lambda pixels: cv2.transpose(pixels),
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
"""What turns the pixels of each EXIF orientation upright."""


def turned(pixels: Integers, orientation: int) -> Integers:
    """Return (H, W[, C]) pixels turned upright by their EXIF orientation, 1 as they are."""
    turn = UPRIGHT.get(orientation)
    return pixels if turn is None else cast("Integers", turn(pixels))


def to_rgb(image: Image.Image, profile: bytes | None) -> Photo:
    """Return a loaded image of 8 bits a channel as (H, W, 3) uint8 RGB, transparency on white.

    Args:
        image: of any mode that Pillow converts to RGB.
        profile: the ICC profile of its colours, None for none.

    Raises:
        ValueError: Pillow cannot convert its mode.
    """
    photo = np.empty((image.height, image.width, 3), np.uint8)
    for rows in strips(image.height, image.width):
        part = image.crop((0, rows.start, image.width, rows.stop))
        photo[rows] = _opaque(part, profile) if _is_opaque(part) else _on_white(part, profile)
    return photo


def strips(height: int, width: int) -> Iterator[slice]:
    """Yield the rows of each strip of a picture."""
    step = max(1, STRIP // width)
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))


def laid_on_white(rgb: Pixels, alpha: Pixels) -> Pixels:
    """Return (H, W, 3) uint8 colours, transparent by (H, W) uint8 alpha, on white."""
    rgba = Image.fromarray(np.dstack([rgb, alpha]))
    laid = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return np.asarray(laid.convert("RGB"), np.uint8)


def _is_opaque(image: Image.Image) -> bool:
    return image.mode not in ("RGBA", "LA", "PA", "RGBa", "La") and (
        "transparency" not in image.info
    )


def _opaque(image: Image.Image, profile: bytes | None) -> Pixels:
    transform = None
    if image.mode == "CMYK" and profile is not None:
        transform = transform_of(profile, "CMYK")
    elif image.mode == "LAB":
        transform = transform_of(None, "LAB")
    if transform is not None:
        return applied(transform, image)
    rgb = np.array(image.convert("RGB"), np.uint8)
    to_srgb(rgb, profile)
    return rgb


def _on_white(image: Image.Image, profile: bytes | None) -> Pixels:
    rgba = np.array(image.convert("RGBA"), np.uint8)
    rgb = np.ascontiguousarray(rgba[..., :3])
    to_srgb(rgb, profile)
    return laid_on_white(rgb, rgba[..., 3])

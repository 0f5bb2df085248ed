"""Decoding photos of common formats to upright RGB uint8, and encoding pictures as PNG.

Functions that decode take bytes, and a name for their messages. Functions that take a path read the
file and call those.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile

from data.arrays import Photo, Pixels
from data.decoding.colour_profile import to_srgb
from data.decoding.deep_pixels import channels_to_rgb, deep_to_rgb, depth_of
from data.decoding.jpeg import check_cmyk, decode_jpeg
from data.decoding.photo_formats import check_no_raw, reader_of
from data.decoding.png_chunks import check_png
from data.decoding.rgb_strips import UPRIGHT, to_rgb, turned
from data.errors import InputError
from data.files import read_bytes, reading, write_bytes
from data.geometry import Size
from data.memory import BYTES_A_PIXEL, MemoryGate, memory_here

PHOTO_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff"),
    *(".webp", ".bmp", ".gif", ".avif", ".heic", ".heif"),
)
"""Endings of photos in a folder."""

MASK_SUFFIXES = (".png", ".gif", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")

MAX_PIXELS = 2**28
"""Most pixels of a photo, 0.75 GiB as RGB; cameras of 100 megapixels stay well below."""

TOO_MANY_PIXELS = "holds too many pixels"
"""What the error of such a photo says of it."""

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in the brightness of a colour (ITU-R BT.601)."""

FLAT_PNG = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE),
]
"""PNG options for pictures with large even areas, such as masks. They take a fifth of the time of
the defaults, and a third of the space."""

UNREADABLE = (
    *(OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error),
    *(TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError),
    *(AssertionError, cv2.error),
)
"""What the readers of damaged files raise, found by damaging files of every format."""

decoding = MemoryGate()
"""Photos are decoded at the same time as far as memory allows."""


def read_photo(path: str | Path, max_pixels: int = MAX_PIXELS) -> Photo:
    """Return the photo in the file at `path`; see `decode_photo`.

    Pillow has a limit of its own for TIFF and WebP, 179 megapixels, which belongs to the process:
    a program that reads larger ones sets `PIL.Image.MAX_IMAGE_PIXELS`, as our commands do.

    Raises:
        InputError: the file cannot be read or decoded.
    """
    return decode_photo(read_bytes(Path(path)), str(path), max_pixels)


def decode_photo(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Photo:
    """Return an encoded photo as (H, W, 3) uint8 RGB, EXIF orientation applied.

    Grey becomes RGB; of more than 8 bits the upper 8 are taken (`data.decoding.bit_depth`); CMYK
    and colours with an ICC profile become sRGB; transparency is laid on white.

    Args:
        data: a whole file, in a format of `data.decoding.photo_formats`.
        name: name of the file in messages.
        max_pixels: most pixels that it may have.

    Raises:
        InputError: `data` is no such image, is damaged, has floating-point pixels, too many pixels
            or more than there is memory for.
    """
    return _decoded_to(data, name, max_pixels)[0]


def decode_small_photo(
    data: bytes, name: str, least_side: int, max_pixels: int = MAX_PIXELS
) -> tuple[Photo, Size]:
    """Return an encoded photo as `decode_photo` does, perhaps reduced, and its upright size.

    A JPEG is reduced by up to 8, as long as both sides have `least_side` pixels. The whole file is
    read, so that damage is found all the same.

    Raises:
        InputError: for the reasons given at `decode_photo`.
    """
    return _decoded_to(data, name, max_pixels, least_side)


def read_size(path: Path, max_pixels: int = MAX_PIXELS) -> Size:
    """Return the upright size of the image at `path`, of which only the header is read if possible.

    Raises:
        InputError: the file cannot be read, is not an image, or has more than `max_pixels`.
    """
    with opened(path, max_pixels) as image:
        return _upright_size(image)


def decode_size(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Size:
    """Return the upright size of an encoded image, without decoding it where possible.

    Raises:
        InputError: `data`, which messages call `name`, is not an image or has more than
            `max_pixels`.
    """
    with opened_image(BytesIO(data), name, max_pixels) as image:
        return _upright_size(image)


@contextmanager
def opened(path: Path, max_pixels: int = MAX_PIXELS) -> Iterator[ImageFile]:
    """Open the image at `path` as `opened_image` does; its pixels are read when they are asked for.

    Raises:
        InputError: the file cannot be read, or for the reasons given at `opened_image`.
    """
    with reading(path) as file, opened_image(file, str(path), max_pixels) as image:
        yield image


@contextmanager
def opened_image(file: BinaryIO, name: str, max_pixels: int = MAX_PIXELS) -> Iterator[ImageFile]:
    """Open an image with Pillow; errors of decoding in the block become an `InputError`.

    Args:
        file: an encoded image, from its beginning.
        name: name of the file in messages.
        max_pixels: most pixels that it may have.

    Raises:
        InputError: `file` is in no format that is read, is damaged, or has too many pixels.
    """
    try:
        with reader_of(file, name)(file) as image:
            if image.width * image.height > max_pixels:
                raise Image.DecompressionBombError(f"{image.width} x {image.height}")
            check_no_raw(image, name)
            yield image
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{name} {TOO_MANY_PIXELS}: {error}") from error
    except UNREADABLE as error:
        raise InputError(f"{name} is damaged: {_reason(error)}") from error


def write_png(path: Path, pixels: Pixels) -> None:
    """Write `pixels` as PNG to `path`, completely or not at all; see `encode_png`."""
    write_bytes(path, encode_png(pixels), is_durable=False)


def encode_png(pixels: Pixels) -> bytes:
    """Return (H, W) grey or (H, W, 3) RGB uint8 `pixels` as a PNG file.

    Raises:
        ValueError: `pixels` have another shape.
    """
    if pixels.ndim == 2:
        ok, encoded = cv2.imencode(".png", pixels, FLAT_PNG)
    else:
        ok, encoded = cv2.imencode(".png", pixels[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not ok:
        raise ValueError(f"cannot encode pixels of shape {pixels.shape}")
    return encoded.tobytes()


def _decoded_to(data: bytes, name: str, max_pixels: int, least_side: int = 0) -> tuple[Photo, Size]:
    """Return an encoded photo and the upright size of the file's picture.

    Raises:
        InputError: for the reasons given at `decode_photo`.
    """
    with opened_image(BytesIO(data), name, max_pixels) as image:
        if image.mode == "F":
            raise InputError(f"{name} has floating-point pixels; save it with 8 or 16 bits")
        num_bytes = _memory_for(image, name)
        with decoding.holding(num_bytes):
            photo = _decoded(image, data, name, least_side)
            return photo, _upright_size(image) if least_side else Size(*photo.shape[:2])


def _memory_for(image: ImageFile, name: str) -> int:
    """Return the bytes that work on an image takes.

    Raises:
        InputError: it is more than there are.
    """
    num_pixels = image.width * image.height
    needed, there = num_pixels * BYTES_A_PIXEL, memory_here()
    if needed > there:
        raise InputError(
            f"{name} has {image.width} x {image.height} pixels, for which {needed / 2**30:.1f} GiB "
            f"of memory are needed, and there are {there / 2**30:.1f}; reduce it to "
            f"{there // BYTES_A_PIXEL / 1e6:.0f} megapixels, or give the process more memory"
        )
    return needed


def _decoded(image: ImageFile, data: bytes, name: str, least_side: int) -> Photo:
    """Return the upright RGB pixels of an image that was opened."""
    check_png(data, name)
    profile, depth = image.info.get("icc_profile"), depth_of(image, data)
    photo, turn = None, orientation(image)
    if image.format == "JPEG":
        photo = _decoded_jpeg(image, data, name, least_side)
    if photo is None:
        image.load()  # which turns a TIFF upright, and raises if the file is damaged
        if depth is not None and depth.has_channels:
            photo = channels_to_rgb(data, depth)
            turn = 1 if image.format == "TIFF" else turn  # OpenCV turns TIFF, and PNG never
    if photo is None:
        turn = orientation(image)
        if depth is None:
            return turned(to_rgb(image, profile), turn)
        photo = deep_to_rgb(image, depth)
    to_srgb(photo, profile)
    return turned(photo, turn)


def _decoded_jpeg(image: ImageFile, data: bytes, name: str, least_side: int) -> Photo | None:
    """Return the RGB pixels of a whole JPEG, not turned; None where Pillow is to decode it.

    Raises:
        InputError: it is damaged.
    """
    if image.mode in ("RGB", "L"):
        return decode_jpeg(data, name, least_side)
    check_cmyk(data, name)
    return None


def _reason(error: BaseException) -> str:
    """Return what an error of a reader says, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    if isinstance(error, OSError | ValueError | SyntaxError):
        return text
    return f"its parts contradict each other ({text})"


def _upright_size(image: ImageFile) -> Size:
    if image.format == "TIFF":
        image.load()  # whether its size is upright before that depends on Pillow's version
    width, height = image.size
    return Size(width, height) if orientation(image) > 4 else Size(height, width)


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none or the EXIF data is damaged."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return 1
    return value if value in UPRIGHT else 1

"""Photos on disk: any common format to RGB uint8, upright."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from data.errors import InputError
from data.files import replacing
from data.geometry import Size

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp")
MASK_SUFFIXES = (".png", ".gif")

MAX_PIXELS = 2**28
"""Most pixels of a photo, 0.75 GiB as RGB; cameras of 100 megapixels stay well below."""
# Pillow's own limits are lower: a warning from 89 megapixels on, an error from 179.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

FLAT_PNG = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE),
]
"""How pictures of large even areas, such as masks, are packed: they take a fifth of the time that
the defaults do, and a third of the space."""

JPEG_END = b"\xff\xd9"

TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of that EXIF orientation upright."""


def read_photo(path: Path) -> NDArray[np.uint8]:
    """Return the photo at `path` as (H, W, 3) uint8 RGB, EXIF orientation applied.

    Grey becomes RGB, 16 bits become the upper 8, CMYK is converted, transparency is laid
    on white.

    Raises:
        InputError: the file is not an image, is cut off, has floating-point pixels, or holds
            too many.
    """
    with opened(path) as image:
        if image.mode == "F":
            raise InputError(f"{path} has floating-point pixels; save it with 8 or 16 bits")
        if image.format == "JPEG" and image.mode in ("RGB", "L"):
            pixels = _decode_jpeg(path)
            if pixels is not None:
                how = TO_UPRIGHT.get(_orientation(image))
                return pixels if how is None else np.array(Image.fromarray(pixels).transpose(how))
        image.load()  # of TIFF this applies the orientation, and takes it out of the EXIF data
        how = TO_UPRIGHT.get(_orientation(image))
        return _to_rgb(image if how is None else image.transpose(how))


def read_size(path: Path) -> Size:
    """Return the upright size of the image at `path`, without decoding it where possible.

    Raises:
        InputError: the file is not an image or holds too many pixels.
    """
    with opened(path) as image:
        if image.format == "TIFF":
            image.load()  # whether its size is upright before that depends on Pillow's version
        width, height = image.size
        swapped = _orientation(image) > 4
    return Size(width, height) if swapped else Size(height, width)


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open an image with Pillow; what goes wrong inside becomes an `InputError`.

    Raises:
        InputError: the file is missing, empty, not an image, cut off, or a decompression bomb.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError(f"{image.width} x {image.height}")
            yield image
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is not an image that can be read") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path} holds too many pixels: {error}") from error
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (OSError, ValueError, SyntaxError, EOFError, struct.error) as error:
        raise InputError(f"{path} is damaged: {error}") from error


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write (H, W) grey or (H, W, 3) RGB `pixels` to `path`, whole or not at all."""
    if pixels.ndim == 2:
        ok, encoded = cv2.imencode(".png", pixels, FLAT_PNG)
    else:
        ok, encoded = cv2.imencode(".png", pixels[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not ok:
        raise ValueError(f"cannot encode pixels of shape {pixels.shape}")
    with replacing(path) as partial:
        partial.write_bytes(encoded.tobytes())


def _decode_jpeg(path: Path) -> NDArray[np.uint8] | None:
    """Return the RGB pixels of a whole JPEG, not turned; None where Pillow is to try.

    cv2 is faster, but not all versions of it refuse a truncated file.
    """
    data = path.read_bytes()
    if not data.endswith(JPEG_END):
        return None
    how = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    return None if pixels is None else np.asarray(pixels, np.uint8)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none or the EXIF data is damaged."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return 1
    return value if value in TO_UPRIGHT else 1


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return np.array(image.convert("RGB"), np.uint8)

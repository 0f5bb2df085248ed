"""Decoding photos of common formats to upright RGB uint8, and encoding pictures as PNG.

Functions that decode take bytes, and a name for their messages. Functions that take a path read the
file and call those.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import ExifTags, Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from data.arrays import Photo, Pixels
from data.errors import InputError
from data.files import read_bytes, reading, write_bytes
from data.geometry import Size

PHOTO_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".avif"),
)
MASK_SUFFIXES = (".png", ".gif", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")

READERS: tuple[tuple[bytes, type[ImageFile]], ...] = (
    (rb"\xff\xd8\xff", JpegImageFile),  # of an MPO file too, whose first picture is a whole JPEG
    (rb"\x89PNG\r\n\x1a\n", PngImageFile),
    (rb"(II|MM)(\*\0|\0\*|\+\0|\0\+)", TiffImageFile),
    (rb"RIFF....WEBP", WebPImageFile),
    (rb"BM", BmpImageFile),
    (rb"GIF8[79]a", GifImageFile),
    (rb"....ftypavi[fs]", AvifImageFile),
)
"""First bytes of files, as regular expressions, and the classes that read them. No other format is
tried, whatever the name of the file: Pillow would pass an EPS file to Ghostscript, which runs the
program in it."""

OTHER_FORMATS = (
    (rb"....ftyp(hei|hev|mif1|msf1)", "HEIC, the format of phones: save it as JPEG"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
    (rb"%PDF", "PDF"),
    (rb"8BPS", "Photoshop"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", "JPEG XL"),
    (rb"FUJIFILMCCD|....ftypcrx", "a camera's raw format"),
    (rb"....ftyp", "a video, or an image in the container of one"),
    (rb"DDS ", "DDS"),
    (rb"\s*<(svg|\?xml)", "SVG"),
    (rb"\s*<(!DOCTYPE )?html", "a web page"),
    (rb"version https://", "a pointer of Git LFS: fetch the file itself"),
    (rb"\0{12}", "zeros, as a broken copy leaves behind"),
)
"""First bytes of files that are not read, and what they are."""

FORMATS = "JPEG, PNG, TIFF, WebP, BMP, GIF and AVIF"

MAX_PIXELS = 2**28
"""Most pixels of a photo, 0.75 GiB as RGB; cameras of 100 megapixels stay well below."""

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in the brightness of a colour (ITU-R BT.601)."""

FLAT_PNG = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE),
]
"""PNG options for pictures with large even areas, such as masks. They take a fifth of the time of
the defaults, and a third of the space."""

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
"""Operation that turns a picture of each EXIF orientation upright."""


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

    Grey becomes RGB, 16 bits become the upper 8, CMYK is converted, transparency is laid
    on white.

    Args:
        data: a whole JPEG, PNG, TIFF, WebP, BMP, GIF or AVIF file.
        name: name of the file in messages.
        max_pixels: most pixels that it may have.

    Raises:
        InputError: `data` is not such an image, is cut off, has floating-point pixels, or too many.
    """
    with opened_image(BytesIO(data), name, max_pixels) as image:
        if image.mode == "F":
            raise InputError(f"{name} has floating-point pixels; save it with 8 or 16 bits")
        if image.format == "JPEG" and image.mode in ("RGB", "L"):
            pixels = _decode_jpeg(data)
            if pixels is not None:
                turn = TO_UPRIGHT.get(orientation(image))
                return pixels if turn is None else np.array(Image.fromarray(pixels).transpose(turn))
        image.load()  # of TIFF this applies the orientation, and takes it out of the EXIF data
        turn = TO_UPRIGHT.get(orientation(image))
        return _to_rgb(image if turn is None else image.transpose(turn))


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
        InputError: `file` is empty, of another format than those of `READERS`, cut off, or has too
            many pixels.
    """
    try:
        with _reader(file, name)(file) as image:
            if image.width * image.height > max_pixels:
                raise Image.DecompressionBombError(f"{image.width} x {image.height}")
            yield image
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{name} holds too many pixels: {error}") from error
    except (OSError, ValueError, SyntaxError, EOFError, struct.error) as error:
        raise InputError(f"{name} is damaged: {error}") from error


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


def _reader(file: BinaryIO, name: str) -> type[ImageFile]:
    """Return the class of Pillow that reads `file`, which is left at its beginning.

    `Image.open` is not used because it applies a process-wide limit of pixels.
    """
    beginning = file.read(16)
    file.seek(0)
    for pattern, reader in READERS:
        if re.match(pattern, beginning, re.DOTALL):
            return reader
    for pattern, what in OTHER_FORMATS:
        if re.match(pattern, beginning, re.DOTALL | re.IGNORECASE):
            raise InputError(f"{name} is not an image: it is {what}; {FORMATS} are read")
    if not beginning:
        raise InputError(f"{name} is not an image: it is empty")
    raise InputError(f"{name} is not an image: none of {FORMATS}")


def _decode_jpeg(data: bytes) -> Photo | None:
    """Return the RGB pixels of a whole JPEG, not turned; None where Pillow is to try.

    cv2 is faster, but not all versions of it refuse a truncated file.
    """
    if not data.endswith(JPEG_END):
        return None
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    return None if pixels is None else np.asarray(pixels, np.uint8)


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
    return value if value in TO_UPRIGHT else 1


def _to_rgb(image: Image.Image) -> Photo:
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return np.array(image.convert("RGB"), np.uint8)

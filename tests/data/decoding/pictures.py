"""Small pictures and files of them."""

from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from data.arrays import Photo, Pixels


def smooth(*shape: int) -> Pixels:
    """Colours that JPEG keeps well."""
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (9, 9), 3), np.uint8)


def ramp(height: int, width: int) -> Photo:
    """Every channel from 0 to 255, each in another direction."""
    x = np.linspace(0, 255, width)[None].repeat(height, 0)
    y = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    return np.dstack([x, y, 255 - x]).round().astype(np.uint8)


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    """A file of an image."""
    file = BytesIO()
    image.save(file, format_, **options)  # type: ignore[arg-type]
    return file.getvalue()

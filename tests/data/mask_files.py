"""Masks and their files, for the tests of reading them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.arrays import Mask


def disc(side: int = 60, radius: float = 20) -> Mask:
    rows, columns = np.ogrid[:side, :side]
    middle = (side - 1) / 2
    mask: Mask = (rows - middle) ** 2 + (columns - middle) ** 2 <= radius**2
    return mask


def saved(path: Path, pixels: NDArray[np.generic] | Image.Image) -> Path:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path)
    return path


def palette_image(indices: NDArray[np.integer], colours: list[tuple[int, ...]]) -> Image.Image:
    image = Image.fromarray(indices.astype(np.uint8)).convert("L")
    image.putpalette([value for colour in colours for value in colour])
    return image

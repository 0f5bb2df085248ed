"""Masks from elsewhere as coarse logits: what the refiner begins with, instead of a coarse network.

A mask says where the object is, and not how sure that is. It is taken to be off by some pixels: the
`band` on either side of its contour is uncertain. There the logit is proportional to the distance
from the contour. Values between background and object are uncertain as well.

Shapes: H x W a photo, h x w the coarse size.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Pixels
from data.geometry import Size, padded
from refine.distance import signed_distance

Floats = NDArray[np.float32]

HALF = 128
"""Least value of the object."""

BAND = 10.0
"""Pixels on either side of the contour that are uncertain, where nothing else is known."""

SMALLEST = 0.01
"""Nearest to 0 and 1 that the bounds of an uncertain probability count."""

SURER = 3.0
"""How many times as sure, in logits, soft values count as they say. A wide blur is not doubt about
where the contour is, and logits as flat as that are none that a refiner knows."""

STEEPEST = 8.0
"""Largest logit; 0.0003 of certain."""

BLUR = 1.0
"""Standard deviation, in pixels, of the mean that decides where between two pixels the contour of a
mask lies. A mask of two values does not say it, its neighbourhood does."""

NEAREST = 0.05
"""Least distance in pixels of a pixel's centre from that contour, so that its side is kept."""


def fitted(grey: Pixels, size: Size) -> Pixels:
    """Return a mask (H, W) uint8 at another size, whatever its aspect: area means or linear."""
    height, width = grey.shape
    if (height, width) == size:
        return grey
    # OpenCV has area means only where both sides shrink.
    smaller = Size(min(height, size.height), min(width, size.width))
    if smaller != (height, width):
        grey = np.asarray(cv2.resize(grey, smaller[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    if smaller != size:
        grey = np.asarray(cv2.resize(grey, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    return grey


def steepness(band: float, low: float, high: float) -> float:
    """Return the logits per pixel that make `band` pixels on either side of a contour uncertain.

    Args:
        band: above 0.
        low: probability above which a pixel is uncertain.
        high: probability below which it is.
    """
    p = np.clip([low, high], SMALLEST, 1 - SMALLEST)
    return float(np.abs(np.log(p) - np.log1p(-p)).min()) / band


def mask_logits(grey: Pixels, steepness: float) -> Floats:
    """Return the (H, W) logits of a mask, above zero where it has at least `HALF`.

    Args:
        grey: (H, W) uint8, 255 for certain object.
        steepness: logits per pixel of distance from the contour.
    """
    mask = grey >= HALF
    by_distance = signed_distance(mask) * np.float32(steepness)
    p = np.arange(256) / 255
    with np.errstate(divide="ignore"):
        by_value = np.log(p) - np.log1p(-p)
    limits = np.minimum(SURER * np.abs(by_value), STEEPEST).astype(np.float32)[grey]
    return np.asarray(np.clip(by_distance, -limits, limits), np.float32)


def between_pixels(grey: Pixels, logits: Floats, steepness: float) -> Floats:
    """Return (H, W) logits of a mask that put its contour between pixels, with the same signs.

    Signed distances of a mask of two values are those of steps from pixel to pixel. An outline made
    of them has stairs. Beside the contour they are taken from local means of the values instead.

    Args:
        grey: (H, W) uint8, 255 for certain object.
        logits: (H, W) `mask_logits` of it.
        steepness: logits per pixel that these have.
    """
    beside = np.abs(logits) < steepness * BLUR
    mean = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), BLUR, borderType=cv2.BORDER_REPLICATE)
    # Across a straight contour the mean rises by 255 / (BLUR * sqrt(2 pi)) in a pixel.
    distance = (mean[beside] - (HALF - 0.5)) * np.float32(BLUR * np.sqrt(2 * np.pi) / 255)
    side = np.where(grey[beside] >= HALF, np.float32(1), np.float32(-1))
    result = logits.copy()
    result[beside] = side * np.maximum(side * distance, np.float32(NEAREST)) * np.float32(steepness)
    return result


def coarse_logits(logits: Floats, stride: int, alignment: int) -> Floats:
    """Return logits (H, W) on the coarse grid, (h, w): those of the mean probabilities.

    Args:
        logits: of a photo at working size.
        stride: side of a coarse pixel, in pixels at working size.
        alignment: the padded photo's sides are multiples of it; its edges are repeated.
    """
    height, width = logits.shape
    whole = padded(Size(height, width), alignment)
    bottom, right = whole.height - height, whole.width - width
    p = np.pad(1 / (1 + np.exp(-logits)), ((0, bottom), (0, right)), mode="edge")
    size = whole.width // stride, whole.height // stride
    mean = cv2.resize(p, size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.log(mean) - np.log1p(-mean), np.float32)

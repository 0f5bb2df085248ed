"""From a photo to the pyramid both stages share: 2 x 2 box means of it, padded, rounded half up.

Shapes: H x W a photo, C channels, m the margin in pixels.
"""

import cv2
import numpy as np

from data.arrays import Pixels
from data.geometry import ALIGNMENT, Size, padded, working_size


def to_working_size(pixels: Pixels, long_side: int) -> Pixels:
    """Return (H, W[, C]) `pixels` at their working size, resampled only if it differs."""
    return resize(pixels, working_size(Size(pixels.shape[0], pixels.shape[1]), long_side))


def resize(pixels: Pixels, size: Size) -> Pixels:
    """Return (H, W[, C]) `pixels` at another size, half-pixel centred: area means or cubic.

    Cubic, because photos at 512 x 512 enlarged so differ from the originals, at a quarter of
    these, by 2.1 grey levels, and by 3.0 if enlarged linearly.
    """
    before = Size(pixels.shape[0], pixels.shape[1])
    if size == before:
        return pixels
    interpolation = cv2.INTER_AREA if size.area < before.area else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size[::-1], interpolation=interpolation), np.uint8)


def pad(pixels: Pixels, margin: int = 0, alignment: int = ALIGNMENT) -> Pixels:
    """Return (H, W[, C]) `pixels` with its edges replicated outwards.

    Right and bottom grow to the next multiple of `alignment`; then all four sides grow by
    `margin`.
    """
    height, width = pixels.shape[:2]
    whole = padded(Size(height, width), alignment)
    bottom, right = whole.height - height + margin, whole.width - width + margin
    result = cv2.copyMakeBorder(pixels, margin, bottom, margin, right, cv2.BORDER_REPLICATE)
    return np.asarray(result, np.uint8)


def halve(pixels: Pixels) -> Pixels:
    """Return the (H / 2, W / 2[, C]) means of 2 x 2 pixels, halves rounded up.

    Raises:
        ValueError: H or W is odd.
    """
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        raise ValueError(f"only even sizes can be halved, not {height} x {width}")
    result = cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(result, np.uint8)


def pyramid(pixels: Pixels, levels: int) -> list[Pixels]:
    """Return `pixels` and `levels - 1` halvings of it, finest first."""
    result = [pixels]
    while len(result) < levels:
        result.append(halve(result[-1]))
    return result

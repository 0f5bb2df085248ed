"""Telling masks with a soft edge, or with noise, from pictures of more than two kinds of pixels.

Masks go through JPEG files, are resized, and get a stray pixel from a brush. They still mean two
values. Trimaps and label maps mean more, and a threshold would give a wrong mask. What tells them
apart is that their further values fill even areas. A soft edge is nowhere even, however wide it
is and however thin the object. The same holds for the hair in a matte, which is read at one half
as well.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask, Pixels

END = 5
"""Levels that lie so near to 0 and to 255 stand for them."""

QUARTER = 64
"""Levels lie in the lowest and in the highest quarter of the 256 grey levels."""

EXACT, MIN_EXACT = 3, 0.25
"""At least this share of all pixels is so near to a level; in a photo values are spread."""

CLEAR = 40
"""A value so near to a level is noise of that level; others are between the two."""

MAX_BETWEEN = 0.3
"""Largest share of pixels between the two levels. Photos and depth maps have more."""

EVEN, MAX_EVEN = 8, 0.4
"""Largest range of a pixel and its eight neighbours in an even area, and the largest share of such
pixels among those between the levels. An edge blurred by 8 pixels rises by 15 over three pixels."""

PLATEAU, MAX_PLATEAU = 2, 0.02
"""The same for the most even areas, of 5 x 5 pixels, such as a label of its own."""

MAX_NEAR_PLATEAU = 0.1
"""Largest area of one value near a level but not equal to it, as a share of the smaller level's.
Such are the labels 0, 1 and 255. Faint remains of JPEG, or of an edge, are smaller."""


def two_levels(
    grey: Pixels, counts: NDArray[np.int64], *, is_soft: bool = False
) -> tuple[int, int] | None:
    """Return the two levels of a mask with a soft edge, or with noise, such as 0 and 255.

    Args:
        grey: (H, W) uint8.
        counts: (256,) number of pixels of each value.
        is_soft: whether values between the levels are probabilities, and so may fill even areas.

    Returns:
        None if the picture means more than two values.
    """
    strays = min(max(4, grey.size // 100_000), grey.size // 100)
    if not counts[:QUARTER].any() or not counts[-QUARTER:].any():
        return None
    dark, bright = _level(counts), 255 - _level(counts[::-1])
    num_other = grey.size - int(counts[dark] + counts[bright])
    if num_other > strays and (
        _is_picture(grey, counts, dark, bright)
        or (not is_soft and _has_even_areas(grey, dark, bright, strays))
        or _has_labels(grey, counts, dark, bright, strays)
    ):
        return None
    return (0 if dark <= END else dark), (255 if bright >= 255 - END else bright)


def threshold_between(levels: tuple[int, int]) -> int:
    """Return the least grey value that belongs to the brighter of two levels: one half."""
    return (sum(levels) + 1) // 2


def _level(counts: NDArray[np.int64]) -> int:
    """Return the value that most of the darkest pixels have; 0 if there is no such value."""
    quarter = counts[:QUARTER]
    level = int(quarter.argmax())
    num_exact = quarter[max(0, level - EXACT) : level + EXACT + 1].sum()
    return level if 2 * num_exact > quarter.sum() else 0


def _is_picture(grey: Pixels, counts: NDArray[np.int64], dark: int, bright: int) -> bool:
    """Whether other values than those near the levels are as frequent as in a photo."""
    num_exact = counts[max(0, dark - EXACT) : dark + EXACT + 1].sum()
    num_exact += counts[bright - EXACT : bright + EXACT + 1].sum()
    num_between = np.count_nonzero(_between(grey, dark, bright))
    return bool(num_between > MAX_BETWEEN * grey.size or num_exact < MIN_EXACT * grey.size)


def _has_even_areas(grey: Pixels, dark: int, bright: int, strays: int) -> bool:
    """Whether values between the levels fill even areas."""
    between = _between(grey, dark, bright)
    num_between = int(np.count_nonzero(between))
    even = int(np.count_nonzero(between & (_range(grey, 3) <= EVEN)))
    plateau = int(np.count_nonzero(between & (_range(grey, 5) <= PLATEAU)))
    return even > MAX_EVEN * num_between + strays or plateau > MAX_PLATEAU * num_between + strays


def _has_labels(
    grey: Pixels, counts: NDArray[np.int64], dark: int, bright: int, strays: int
) -> bool:
    """Whether values near a level, but not equal to it, fill even areas."""
    between = _between(grey, dark, bright)
    near = ~between & (grey != dark) & (grey != bright) & (_range(grey, 9) == 0)
    smaller = int(min(counts[dark], counts[bright]))
    return int(np.count_nonzero(near)) > MAX_NEAR_PLATEAU * smaller + strays


def _between(grey: Pixels, dark: int, bright: int) -> Mask:
    return np.asarray((grey > dark + CLEAR) & (grey < bright - CLEAR))


def _range(grey: Pixels, side: int) -> Pixels:
    """Return (H, W) uint8: largest minus least value of the `side` x `side` pixels around each."""
    kernel = np.ones((side, side), np.uint8)
    return np.asarray(cv2.dilate(grey, kernel) - cv2.erode(grey, kernel), np.uint8)

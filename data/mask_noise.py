"""Telling masks with a soft edge, or with noise, from pictures of more than two kinds of pixels.

Masks go through JPEG files, are resized, and get a stray pixel from a brush. They still mean two
values. Trimaps, label maps and mattes mean more, and a threshold would give a wrong mask.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask, Pixels

HALF = 128
"""Grey levels from this on are the object."""

END = 5
"""The two most frequent values lie within this distance of 0 and of 255."""

CLEAR = 40
"""A value that is so near to 0 or 255 is noise of that value; others are between the two."""

FEW_VALUES = 8
"""A picture with no more values has no wide edge of many shades; it may be a label map."""

NARROW = 3
"""Reach of an anti-aliased edge from the contour on either side, in pixels."""

BLOCK = 12
"""Reach of the noise of JPEG from the contour: the diagonal of one of its blocks."""

WIDE = 20
"""Reach of an edge that was blurred, or enlarged with interpolation."""

MIN_CORRELATION = 0.75
"""Of a wide edge, brightness rises with the distance into the object at least so strictly."""

MAX_SHARE = 0.35
"""Of a wide edge, no value has a larger share; a trimap has one value between the two."""


def is_nearly_two_valued(grey: Pixels, counts: NDArray[np.int64]) -> bool:
    """Whether a picture is a mask with a soft edge, or with noise, between black and white.

    Args:
        grey: (H, W) uint8.
        counts: (256,) number of pixels of each value.
    """
    dark, bright = int(counts[:HALF].argmax()), HALF + int(counts[HALF:].argmax())
    if dark > END or bright < 255 - END or not counts[dark] or not counts[bright]:
        return False
    other = (grey != dark) & (grey != bright)
    strays = max(4, grey.size // 100_000)
    if np.count_nonzero(other) <= strays:
        return True
    mask = grey >= HALF
    between = (grey > CLEAR) & (grey < 255 - CLEAR)
    few = np.count_nonzero(counts) <= FEW_VALUES

    def within(pixels: Mask, reach: int) -> bool:
        return bool(np.count_nonzero(pixels & ~_near(mask, reach)) <= strays)

    if few and within(other, NARROW):
        return True
    # JPEG leaves noise on both sides of a contour. Index 1 beside a border of 255 is on one side.
    both_sides = bool(counts[:dark].sum() + counts[dark + 1 : CLEAR + 1].sum()) and bool(
        counts[255 - CLEAR : bright].sum() + counts[bright + 1 :].sum()
    )
    if within(between, NARROW) and within(other, BLOCK) and (both_sides or not few):
        return True
    return not few and within(other, WIDE) and _rises_into_object(grey, mask, between)


def _near(mask: Mask, reach: int) -> Mask:
    """Return (H, W) bool: which pixels are within `reach` pixels of the contour of `mask`."""
    kernel = np.ones((2 * reach + 1, 2 * reach + 1))
    inside = mask.view(np.uint8)
    return np.asarray((cv2.dilate(inside, kernel) == 1) & (cv2.erode(inside, kernel) == 0))


def _rises_into_object(grey: Pixels, mask: Mask, between: Mask) -> bool:
    """Whether the values between black and white are those of a wide soft edge."""
    values = grey[between]
    if np.bincount(values).max() > MAX_SHARE * len(values):
        return False
    inside = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 5)
    depth = (inside - outside)[between]
    return bool(np.corrcoef(depth, values)[0, 1] >= MIN_CORRELATION)

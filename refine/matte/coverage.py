"""Alpha from a mask and its logits: how much of each pixel the object covers.

The contour is where the logits, interpolated bilinearly between the centres of pixels, are zero.
Where post-processing has decided otherwise than the logits, their sign is that of the mask: what it
removed does not come back, and what it added stays.

Shapes: H x W a photo, N pixels in the band along the contour.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask

Indices = NDArray[np.intp]
Floats = NDArray[np.float32]

SMALLEST = np.float32(1e-3)
"""Least magnitude of a logit beside the contour: a contour through the very centre of a pixel has
no side."""

HAZE = 0.01
"""Probabilities within this of 0 and 1 count as 0 and 1, or a cutout would have a veil over all of
the photo."""


@dataclass(frozen=True)
class Band:
    """The pixels along a contour."""

    rows: Indices
    """(N,)"""
    columns: Indices
    """(N,)"""


def contour_band(mask: Mask) -> Band:
    """Return the pixels of (H, W) bool `mask` that differ from one of the eight around them."""
    gradient = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3)))
    return Band(*np.divmod(np.flatnonzero(gradient), mask.shape[1]))


def contour_alpha(mask: Mask, logits: Floats) -> Floats:
    """Return the share of each pixel that lies inside the contour.

    Exact for a straight contour. Costs little away from it, where alpha is that of the mask.

    Args:
        mask: (H, W) bool, finished.
        logits: (H, W) above zero is object, in any unit.

    Returns:
        (H, W) from 0 to 1.
    """
    alpha = mask.astype(np.float32)
    band = contour_band(mask)
    alpha[band.rows, band.columns] = _share_inside(_around(mask, logits, band))
    return alpha


def probability_alpha(mask: Mask, logits: Floats) -> Floats:
    """Return the probability of each pixel, 0 and 1 where post-processing has decided otherwise.

    A pixel follows post-processing if it is nearer to what was removed than to the mask, or nearer
    to what was added than to the background.

    Args:
        mask: (H, W) bool, finished.
        logits: (H, W) of the object's probability.

    Returns:
        (H, W) from 0 to 1.
    """
    p = 1 / (1 + np.exp(-logits))
    alpha = np.where(p < HAZE, 0, np.where(p > 1 - HAZE, 1, p)).astype(np.float32)
    raw = logits > 0
    for decided, others in ((raw & ~mask, mask), (mask & ~raw, ~mask)):
        if decided.any():
            follows = (_distance_to(decided) < _distance_to(others)) & ~others
            alpha[follows] = mask[follows]
    return alpha


def _distance_to(pixels: Mask) -> Floats:
    """Return (H, W) the distance of each pixel to the nearest of `pixels`, in pixels."""
    elsewhere = (~pixels).view(np.uint8)
    return np.asarray(cv2.distanceTransform(elsewhere, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def signed_at(mask: Mask, logits: Floats, rows: Indices, columns: Indices) -> Floats:
    """Return the logits of some pixels with the sign that the mask gives them, never zero."""
    magnitude = np.maximum(np.abs(logits[rows, columns]), SMALLEST)
    return np.where(mask[rows, columns], magnitude, -magnitude).astype(np.float32)


def _around(mask: Mask, logits: Floats, band: Band) -> Floats:
    """Return (3, 3, N) signed logits around each pixel of the band; the photo's edge repeats."""
    height, width = mask.shape
    step = np.arange(-1, 2)[:, None]
    rows = np.clip(band.rows + step, 0, height - 1)
    columns = np.clip(band.columns + step, 0, width - 1)
    return signed_at(mask, logits, rows[:, None], columns[None])


def _share_inside(around: Floats) -> Floats:
    """Return (N,) the share of the middle pixel above zero, of (3, 3, N) values at centres.

    The pixel is cut into eight triangles, from its centre to half of a side to a corner, at whose
    ends bilinear interpolation is exact. Within each, values are taken as linear.
    """
    sides = {(r, c): (around[1, 1] + around[r, c]) / 2 for r, c in ((0, 1), (1, 0), (1, 2), (2, 1))}
    shares = []
    for row in (0, 2):
        for column in (0, 2):
            up, across = sides[row, 1], sides[1, column]
            corner = (up + (around[1, column] + around[row, column]) / 2) / 2
            shares += [_triangle(around[1, 1], side, corner) for side in (up, across)]
    return np.asarray(sum(shares) / np.float32(8), np.float32)


def _triangle(first: Floats, second: Floats, third: Floats) -> Floats:
    """Return (N,) the share of a triangle above zero, from the (N,) values at its corners."""
    high = np.maximum(np.maximum(first, second), third)
    low = np.minimum(np.minimum(first, second), third)
    middle = first + second + third - high - low
    # The corner that is alone on its side of zero is cut off; both factors are where zero is.
    alone, pair = np.where(middle > 0, low, high), np.where(middle > 0, high, low)
    with np.errstate(divide="ignore", invalid="ignore"):
        cut = alone / (alone - middle) * (alone / (alone - pair))
    share = np.where(middle > 0, 1 - cut, cut)
    return np.where(low > 0, 1, np.where(high <= 0, 0, share)).astype(np.float32)

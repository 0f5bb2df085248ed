"""Where a true mask and a network that was not trained on it disagree with confidence.

People draw contours a little wide or tight, each in their own way; that is no error. So the usual
distance between both contours is taken out first: what counts is how far a disagreement reaches
beyond it. A part that is missing, or too much, is one connected region that reaches far. A mask
that has moved is wide on one side and tight on the other, which a translation fits.

Connected regions as the unit of label errors: Rottmann and Reese, "Automated Detection of Label
Errors in Semantic Segmentation Datasets via Deep Learning and Uncertainty Quantification", WACV
2023, arXiv:2207.06104.

Shapes: H x W the photo.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask

CONFIDENT = 3.9
"""Logits farther from zero than this are sure: probabilities below 0.02 or above 0.98."""

DEPTH = 4.0
"""Pixels beyond the usual distance of both contours that a disagreement must reach to count."""

NEAR = 6.0
"""Distances of contours up to this, in pixels, say how the true one is drawn; larger ones are
parts that are missing or too much."""

LARGEST_OFFSET = 2.0
"""Most pixels by which a contour is taken for wide or tight as a whole."""

SMOOTH = 3.0
"""Width of the blur, in pixels, that the direction of a contour is taken from."""

FEW = 50
"""Pixels of contour from which a translation is fitted, at least."""

SHIFTED = 1.5
"""Pixels from which a mask is called shifted."""

Kind = Literal["part missing", "part too much", "shifted"]


@dataclass(frozen=True)
class Disagreement:
    """What speaks against a true mask."""

    score: float
    """Pixels of the largest region, or what a shift leaves wrong of the contour if that is more."""
    kind: Kind
    missing: int
    """Pixels that the network is sure are object, and the mask lacks, beyond the usual."""
    extra: int
    """Pixels that the mask has, and the network is sure are none."""
    offset: float
    """Pixels by which the true contour is wider than the network's; negative if it is tighter."""
    shift: float
    """Length in pixels of the translation that fits both contours best."""
    centre: tuple[int, int]
    """Row and column of the middle of the largest region."""


def disagreement(logits: NDArray[np.float32], truth: Mask) -> Disagreement:
    """Return what the `logits` (H, W) of a network speak against a true mask (H, W)."""
    inside = signed_distance(truth)
    predicted = logits > 0
    offset, shift, num_contour = contour_fit(predicted, inside)
    usual = float(np.clip(offset, -LARGEST_OFFSET, LARGEST_OFFSET))
    lacking = (logits > CONFIDENT) & (inside - usual < -DEPTH)
    surplus = (logits < -CONFIDENT) & (inside - usual > DEPTH)
    regions = [largest_region(part) for part in (lacking, surplus)]
    area, centre = max(regions)
    wrong_by_shift = max(0.0, shift - SHIFTED) * num_contour
    kind: Kind = "part missing" if regions[0] >= regions[1] else "part too much"
    if wrong_by_shift > area:
        kind = "shifted"
    return Disagreement(
        score=max(float(area), wrong_by_shift),
        kind=kind,
        missing=int(lacking.sum()),
        extra=int(surplus.sum()),
        offset=offset,
        shift=shift,
        centre=centre,
    )


def signed_distance(mask: Mask) -> NDArray[np.float32]:
    """Return (H, W): pixels from the edge of a mask, positive inside; infinite without an edge."""
    if mask.all() or not mask.any():
        return np.full(mask.shape, np.inf if mask.any() else -np.inf, np.float32)
    within, without = (
        cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        for side in (mask, ~mask)
    )
    return np.asarray(np.where(mask, within - 0.5, 0.5 - without), np.float32)


def contour_fit(predicted: Mask, inside: NDArray[np.float32]) -> tuple[float, float, int]:
    """Return how the contour of a true mask lies beside the predicted one.

    Args:
        predicted: (H, W).
        inside: (H, W) signed distance from the edge of the true mask.

    Returns:
        By how many pixels it is wider as a whole, the median; the length of the translation that
        fits best, by least squares along the directions of the contour; and the number of pixels of
        the predicted contour near it.
    """
    pixels = predicted.astype(np.uint8)
    edge = pixels > cv2.erode(pixels, np.ones((3, 3), np.uint8))
    far = inside[edge] - 0.5  # 0 where both contours are one
    near = np.abs(far) <= NEAR
    num = int(near.sum())
    if num < FEW:
        return 0.0, 0.0, num
    soft = cv2.GaussianBlur(predicted.astype(np.float32), (0, 0), SMOOTH)
    slopes = [cv2.Sobel(soft, cv2.CV_32F, *order)[edge][near] for order in ((0, 1), (1, 0))]
    length = np.hypot(*slopes) + 1e-9
    directions = np.stack([np.ones(num), *(slope / length for slope in slopes)], axis=1)
    found = np.linalg.lstsq(directions, far[near], rcond=None)[0]
    return float(np.median(far[near])), float(np.hypot(*found[1:])), num


def largest_region(mask: Mask) -> tuple[int, tuple[int, int]]:
    """Return the pixels of the largest connected region of a mask, and its middle."""
    num, _, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if num < 2:
        return 0, (mask.shape[0] // 2, mask.shape[1] // 2)
    best = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    column, row = centres[best]
    return int(stats[best, cv2.CC_STAT_AREA]), (int(row), int(column))

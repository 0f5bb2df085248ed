"""How well a mask's contour follows the edges of its photo.

Where a mask belongs to its photo, the photo changes more along the contour than along the same
contour moved elsewhere. A mask of another photo, or one that has slipped, gains by being moved.

Shapes: H x W a small photo, P points of the contour, D displacements.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask, Photo

REACH, STEP = 24, 4
"""The contour is moved by up to so many pixels of the small photo, in steps."""

FAR = 8
"""Displacements from here on tell what the photo's edges are like elsewhere."""

MAX_POINTS, LEAST_POINTS = 800, 20
"""Most points of a contour that are looked at; a contour of fewer tells nothing."""

STRONGEST = 0.98
"""Gradients above this quantile count as equal, or a few highlights would decide."""


@dataclass(frozen=True)
class EdgeFit:
    """How a contour lies among the edges of its photo."""

    score: float
    """How much stronger the edges along the contour are than along the same contour moved away, in
    standard deviations of the latter."""
    best: tuple[float, float]
    """Rows and columns, as shares of the longer side, by which the contour would have to be moved
    to lie on the strongest edges; (0, 0) if it does."""
    gain: float
    """How much stronger the edges are there than along the contour, as a factor."""


def edge_fit(photo: Photo, mask: Mask) -> EdgeFit | None:
    """Return how well (H, W) `mask` fits (H, W, 3) `photo`; None if it has hardly a contour."""
    rows, columns = _contour(mask)
    if len(rows) < LEAST_POINTS:
        return None
    strength = np.pad(edge_strength(photo), REACH)
    width = strength.shape[1]
    at = (rows + REACH) * width + columns + REACH
    steps = np.arange(-REACH, REACH + 1, STEP)
    moved = np.stack([steps.repeat(len(steps)), np.tile(steps, len(steps))], axis=1)  # (D, 2)
    offsets = moved[:, 0] * width + moved[:, 1]
    means = strength.ravel()[at[:, None] + offsets].mean(axis=0)  # (D,)
    here = float(means[len(means) // 2])
    away = means[np.abs(moved).max(axis=1) >= FAR]
    spread = float(away.std()) + 1e-3
    best = int(means.argmax()) if means.max() > here else len(means) // 2
    return EdgeFit(
        score=(here - float(away.mean())) / spread,
        best=(float(moved[best, 0]) / max(mask.shape), float(moved[best, 1]) / max(mask.shape)),
        gain=float(means[best]) / max(here, 1e-3),
    )


def edge_strength(photo: Photo) -> NDArray[np.float32]:
    """Return the (H, W) strength of the edges of a photo, in all three channels of Lab."""
    lab = cv2.cvtColor(cv2.GaussianBlur(photo, (0, 0), 1), cv2.COLOR_RGB2LAB)
    across, down = cv2.Sobel(lab, cv2.CV_32F, 1, 0), cv2.Sobel(lab, cv2.CV_32F, 0, 1)
    strength = np.sqrt((np.square(across) + np.square(down)).sum(axis=2))
    largest = float(np.quantile(strength[::2, ::2], STRONGEST))
    # A contour may be off by a pixel.
    near = cv2.dilate(np.minimum(strength, largest), np.ones((3, 3), np.uint8))
    return np.asarray(near, np.float32)


def _contour(mask: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the (P,) points of a contour, those at the border left out."""
    kernel, grey = np.ones((3, 3), np.uint8), mask.astype(np.uint8)
    edge = cv2.dilate(grey, kernel) != cv2.erode(grey, kernel)
    edge[:2] = edge[-2:] = False
    edge[:, :2] = edge[:, -2:] = False
    rows, columns = np.nonzero(edge)
    step = -(-len(rows) // MAX_POINTS) or 1
    return rows[::step], columns[::step]

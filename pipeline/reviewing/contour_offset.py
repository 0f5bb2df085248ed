"""How far outside or inside of a network's contour a person draws, and contours moved by as much.

People draw wide or tight, by a fraction of a pixel, and all photos of one group alike. Near a
contour, the distance of a pixel from it is its logit divided by how steeply logits rise there.

Shapes: H x W a photo, N points.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.arrays import Mask

FARTHEST = 2.0
"""Largest offset, in pixels. A logit says nothing about a contour that is farther away."""

NEAR = 3.0
"""Pixels from the network's contour up to which a person's contour counts; beyond it one of the two
is wrong."""

LEAST_POINTS = 100
"""Points of a contour near the other one, below which a photo says nothing."""

FLAT = 0.05
"""Least logits per pixel; where they are flatter there is no contour."""


def steepness_of(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (H, W): by how much logits rise from a pixel to the next, by central differences."""
    clipped = np.clip(logits, -20, 20)
    across = cv2.Sobel(clipped, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(clipped, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def shifted(logits: Tensor, offset: float) -> Tensor:
    """Return (H, W) logits whose contour lies `offset` pixels farther out; in, if below 0."""
    if not offset:
        return logits
    own = logits.cpu().numpy()
    return torch.from_numpy(own + np.float32(offset) * steepness_of(own)).to(logits.device)


def measured_offset(mask: Mask, logits: NDArray[np.float32]) -> float | None:
    """Return how far the contour of a mask lies outside that of logits, in pixels, on average.

    The contour of a mask runs halfway between pixels. Each of its points is somewhat off, by
    half a pixel at most; over a whole contour that averages out.

    Args:
        mask: (H, W), a person's.
        logits: (H, W), of the network.

    Returns:
        The median over the points of the contour, below 0 if it lies inside; None where too few
        points are near the contour of `logits`.
    """
    points = contour_points(mask)
    if len(points) < LEAST_POINTS:
        return None
    x, y = (points.T - 0.5).astype(np.float32)[:, None]
    how = cv2.INTER_LINEAR
    clipped = np.clip(logits, -20, 20).astype(np.float32)
    level, steep = (
        cv2.remap(each, x, y, how, borderMode=cv2.BORDER_REPLICATE)[0]
        for each in (clipped, steepness_of(logits))
    )
    outside = -level / np.maximum(steep, FLAT)
    near = outside[(steep > FLAT) & (np.abs(outside) <= NEAR)]
    return float(np.median(near)) if len(near) >= LEAST_POINTS else None


def contour_points(mask: Mask) -> NDArray[np.float32]:
    """Return (N, 2) x and y of the middles of all edges between object and background pixels."""
    rows, columns = np.nonzero(mask[:, 1:] != mask[:, :-1])
    upright = np.stack([columns + 1.0, rows + 0.5], axis=1)
    rows, columns = np.nonzero(mask[1:] != mask[:-1])
    level = np.stack([columns + 0.5, rows + 1.0], axis=1)
    return np.concatenate([upright, level]).astype(np.float32)


def group_offset(offsets: Sequence[float]) -> float:
    """Return the offset of a group of photos, in steps of 0.05 pixels, from those of some."""
    middle = float(np.clip(np.median(offsets), -FARTHEST, FARTHEST))
    return round(middle * 20) / 20

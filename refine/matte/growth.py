"""Moving a contour outward or inward by fractions of a pixel.

Shapes: H x W a photo, N pixels, S pieces of contour.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask
from refine.distance import signed_distance
from refine.matte.coverage import Floats, Indices, signed_at

Points = NDArray[np.float64]

NEAR = 2.5
"""Pixels on either side of the moved contour whose distance is measured."""

FAR = np.float32(1e3)

NEIGHBOURS = 4
"""Pieces of contour whose middle is nearest to a pixel; one of them is the nearest to it."""


def grown(mask: Mask, logits: Floats, pixels: float) -> tuple[Mask, Floats]:
    """Return a mask and logits whose contour is `pixels` outside that of those given.

    Args:
        mask: (H, W) bool, finished.
        logits: (H, W) above zero is object.
        pixels: negative moves the contour inward.

    Returns:
        (H, W) bool; (H, W) signed distance from the new contour in pixels, above zero inside. It is
        cut off a few pixels from the contour.
    """
    start, end = _pieces(mask, logits)
    if not len(start) or not pixels:
        return mask, logits
    rough = signed_distance(mask) + np.float32(pixels)
    rows, columns = np.nonzero(np.abs(rough) < NEAR)
    exact = _distance(np.stack([rows, columns], axis=1), start, end)
    moved = np.where(rough > 0, FAR, -FAR)
    moved[rows, columns] = np.where(mask[rows, columns], exact, -exact) + pixels
    return moved > 0, moved


def _pieces(mask: Mask, logits: Floats) -> tuple[Points, Points]:
    """Return (S, 2) where pieces of the contour start and end, in rows and columns.

    Each square between the centres of four pixels is cut into four triangles that meet in its
    middle. A triangle that the contour crosses holds one piece, a straight one.
    """
    crossed = cv2.morphologyEx(
        mask.view(np.uint8), cv2.MORPH_GRADIENT, np.ones((2, 2)), anchor=(0, 0)
    )[:-1, :-1]
    rows, columns = np.nonzero(crossed)
    places = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
    values = np.stack(
        [_value(mask, logits, rows + row, columns + column) for row, column in places]
    )
    middle, at_middle = values.mean(axis=0), np.array([0.5, 0.5])
    origin = np.stack([rows, columns], axis=1)
    starts, ends = [], []
    for i, j in ((0, 1), (1, 2), (2, 3), (3, 0)):
        corners = np.stack([values[i], values[j], middle])
        start, end, crossing = _crossings(corners, np.stack([places[i], places[j], at_middle]))
        starts.append((start + origin)[crossing])
        ends.append((end + origin)[crossing])
    return np.concatenate(starts), np.concatenate(ends)


def _value(mask: Mask, logits: Floats, rows: Indices, columns: Indices) -> Points:
    return signed_at(mask, logits, rows, columns).astype(np.float64)


def _crossings(values: Points, corners: Points) -> tuple[Points, Points, NDArray[np.bool_]]:
    """Return where zero crosses two sides of each triangle, and whether it does.

    Args:
        values: (3, N) at the corners.
        corners: (3, 2) places of the corners.
    """
    above = values > 0
    crossing = above.any(axis=0) & ~above.all(axis=0)
    alone = np.where(above.sum(axis=0) == 1, above.argmax(axis=0), above.argmin(axis=0))
    number = np.arange(values.shape[1])
    ends = []
    for turn in (1, 2):
        other = (alone + turn) % 3
        first, second = values[alone, number], values[other, number]
        share = np.divide(first, first - second, out=np.zeros_like(first), where=crossing)[:, None]
        ends.append(corners[alone] + share * (corners[other] - corners[alone]))
    return ends[0], ends[1], np.asarray(crossing)


def _distance(pixels: NDArray[np.intp], start: Points, end: Points) -> Points:
    """Return (N,) the distance of (N, 2) `pixels` to the nearest piece of contour."""
    from scipy.spatial import cKDTree

    if not len(pixels):
        return np.zeros(0)
    num = min(NEIGHBOURS, len(start))
    _, nearest = cKDTree((start + end) / 2).query(pixels, k=num)
    nearest = np.asarray(nearest).reshape(len(pixels), num)
    along = (end - start)[nearest]
    offset = pixels[:, None] - start[nearest]
    length = np.maximum((along**2).sum(axis=2), 1e-12)
    share = np.clip((offset * along).sum(axis=2) / length, 0, 1)[..., None]
    gaps = np.linalg.norm(offset - share * along, axis=2)
    return np.asarray(gaps.min(axis=1))

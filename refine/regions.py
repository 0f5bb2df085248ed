"""Edge-guided regions: squares on a mask's contour, cut along the photo's edges.

Each square that the contour crosses is cut by the edges of the photo into regions. A region is
wholly object or wholly background: what the mask says inside it and just outside the square,
where the region touches its border, decides by a weighted vote. Edge pixels stay as they are. All
squares are decided from the mask as it was, so their order does not matter.

Shapes: H x W a photo, S the side of a square, N squares, R regions.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask, Photo
from data.pyramid import pad, pyramid
from data.tile_grid import repeat_pixels, to_blocks

EDGE = 0.01
"""Gradient of an edge, with photos from 0 to 1 and Sobel's weights adding up to 1."""

SOBEL_SCALE = 2**-2.5 / 255
"""From cv2's gradient of 0..255, whose weights add up to 4, to the root of the mean of the squared
gradients of 0..1 in both directions."""


@dataclass(frozen=True)
class Vote:
    """How a region is decided."""

    border: float
    """Weight of the mask just outside the square; that inside the region has the rest."""
    ratio: float
    """By how much object must outweigh background."""


FULL = Vote(border=0.6, ratio=1.0)
"""At full size."""

COARSE = Vote(border=0.9, ratio=2.5)
"""At a quarter of the size."""


def refine(mask: Mask, photo: Photo, side: int, vote: Vote = FULL) -> Mask:
    """Return `mask` (H, W) bool with its contour moved to edges of `photo` (H, W, 3) uint8.

    Args:
        mask: what is known so far; left as it is.
        photo: RGB.
        side: of a square, in pixels.
        vote: how a region is decided.
    """
    height, width = mask.shape
    bottom, right = -height % side, -width % side
    # One pixel more on every side: what is just outside the outermost squares.
    whole = np.pad(mask, ((1, bottom + 1), (1, right + 1)), mode="edge")
    edges = np.pad(find_edges(photo), ((0, bottom), (0, right)), mode="edge")
    squares = contour_squares(whole[1:-1, 1:-1], side)
    if not len(squares):
        return mask.copy()
    around = blocks(whole, squares, side + 2, side)
    inside = around[:, 1:-1, 1:-1]
    labels = label_regions(blocks(edges, squares, side, side))
    decided = decide(labels, inside, around, vote)
    result = whole[1:-1, 1:-1].copy()
    changed = np.where(labels > 0, decided[labels], inside)
    to_blocks(result, side)[squares[:, 0], squares[:, 1]] = changed  # a view: `result` changes
    return result[:height, :width]


def refine_coarsely(mask: Mask, photo: Photo, side: int) -> Mask:
    """Return `mask` with squares of its 4 x 4 pixels changed where that betters a quarter of it.

    Where nothing changes at a quarter of the size, the mask stays bit for bit.
    """
    white = mask.astype(np.uint8) * 255
    small, seen = (pyramid(pad(pixels), 3)[2] for pixels in (white, photo))
    before = small >= 128
    after = refine(before, np.asarray(seen, np.uint8), side, COARSE)
    changed, value = (
        repeat_pixels(x, 4)[: mask.shape[0], : mask.shape[1]] for x in (before != after, after)
    )
    return np.where(changed, value, mask)


def find_edges(photo: Photo) -> Mask:
    """Return where any channel of `photo` (H, W, 3) has an edge, thickened to 2 x 2 pixels."""
    edges = np.zeros(photo.shape[:2], np.uint8)
    for channel in cv2.split(photo):
        down, right = (
            cv2.Sobel(channel, cv2.CV_32F, dx, dy, borderType=cv2.BORDER_REFLECT)
            for dx, dy in ((0, 1), (1, 0))
        )
        edges |= cv2.magnitude(down, right) > EDGE / SOBEL_SCALE
    return cv2.dilate(edges, np.ones((2, 2), np.uint8)) > 0


def contour_squares(mask: Mask, side: int) -> NDArray[np.int64]:
    """Return the (N, 2) row and column of the squares in or at which `mask` changes."""
    contour = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.argwhere(to_blocks(contour, side).any(axis=(2, 3)))


def blocks(pixels: Mask, squares: NDArray[np.int64], size: int, step: int) -> Mask:
    """Return (N, size, size) of `pixels`, which begin at `step` times row and column of each."""
    rows, columns = (squares[:, i, None] * step + np.arange(size) for i in (0, 1))
    return np.asarray(pixels[rows[:, :, None], columns[:, None, :]], np.bool_)


def label_regions(edges: Mask) -> NDArray[np.int32]:
    """Return the (N, S, S) regions between `edges` (N, S, S), numbered from 1, 0 on the edges.

    All squares are labelled at once, one above the other with a row of edge between them.
    """
    free = np.pad(~edges, ((0, 0), (0, 1), (0, 0)))
    num, height, width = free.shape
    _, labels = cv2.connectedComponents(
        free.reshape(num * height, width).astype(np.uint8), connectivity=8
    )
    return np.asarray(labels.reshape(num, height, width)[:, :-1], np.int32)


def decide(labels: NDArray[np.int32], inside: Mask, around: Mask, vote: Vote) -> Mask:
    """Return for each of the R regions, and for 0, whether it is object.

    Args:
        labels: (N, S, S) regions.
        inside: (N, S, S) mask of the squares.
        around: (N, S + 2, S + 2) mask of the squares and the pixels about them.
        vote: weights.
    """
    count = int(labels.max()) + 1
    own = share(labels, inside, count)
    sides = (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])
    beyond = (around[:, 0, 1:-1], around[:, -1, 1:-1], around[:, 1:-1, 0], around[:, 1:-1, -1])
    touching, outside = np.concatenate(sides), np.concatenate(beyond)
    touches = np.bincount(touching.ravel(), minlength=count) > 0
    other = share(touching, outside, count)
    object_score = (1 - vote.border) * own + vote.border * other * touches
    background_score = (1 - vote.border) * (1 - own) + vote.border * (1 - other) * touches
    return np.asarray(object_score > vote.ratio * background_score, np.bool_)


def share(labels: NDArray[np.int32], mask: Mask, count: int) -> NDArray[np.float64]:
    """Return the share of each region's pixels that `mask` has, 0 where it has no pixel."""
    size = np.bincount(labels.ravel(), minlength=count)
    hits = np.bincount(labels.ravel(), weights=mask.ravel(), minlength=count)
    return np.asarray(hits / np.maximum(size, 1), np.float64)

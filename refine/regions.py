"""Edge-guided regions: squares on a mask's contour, cut along the photo's edges.

The edges of the photo cut each square that the contour crosses into regions. A region becomes
wholly object or wholly background, by a weighted vote of the mask's pixels inside it and of those
just outside the square, where the region touches the square's border. Pixels on edges keep their
value. All squares are decided from the mask as it was, so their order does not matter.

Shapes: H x W a photo, S the side of a square, N squares, R regions.

scikit-image and scipy are imported where they are used: every command imports this module, to know
the steps of post-processing, and they would add a quarter of a second to each.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask, Photo
from data.pyramid import pad, pyramid
from data.tile_grid import repeat_pixels, to_blocks

EDGE = 0.01
"""Gradient of an edge, as `skimage.filters.sobel` has it of photos from 0 to 1."""


@dataclass(frozen=True)
class Vote:
    """The rule that makes a region object or background."""

    border: float
    """Weight of the pixels just outside the square; those inside the region have the rest."""
    ratio: float
    """A region is object if the votes for object are more than `ratio` times the others."""


FULL = Vote(border=0.6, ratio=1.0)
"""At full size."""

COARSE = Vote(border=0.9, ratio=2.5)
"""At a quarter of the size."""


def refine(mask: Mask, photo: Photo, side: int, vote: Vote = FULL) -> Mask:
    """Return `mask` (H, W) bool with its contour moved to edges of `photo` (H, W, 3) uint8.

    Args:
        mask: the mask so far; it is not changed.
        photo: RGB.
        side: of a square, in pixels.
        vote: how a region is decided.
    """
    height, width = mask.shape
    bottom, right = -height % side, -width % side
    # One pixel more on every side: those just outside the outermost squares.
    whole = np.pad(mask, ((1, bottom + 1), (1, right + 1)), mode="edge")
    edges = np.pad(find_edges(photo), ((0, bottom), (0, right)), mode="edge")
    squares = contour_squares(whole[1:-1, 1:-1], side)
    if not len(squares):
        return mask.copy()
    framed = blocks(whole, squares, side + 2, side)
    inside = framed[:, 1:-1, 1:-1]
    labels, count = label_regions(blocks(edges, squares, side, side))
    decided = decide(labels, count, inside, framed, vote)
    result = whole[1:-1, 1:-1].copy()
    changed = np.where(labels > 0, decided[labels], inside)
    to_blocks(result, side)[squares[:, 0], squares[:, 1]] = changed  # a view: `result` changes
    return result[:height, :width]


def refine_coarsely(mask: Mask, photo: Photo, side: int) -> Mask:
    """Return `mask` refined at a quarter of its size, where each pixel stands for 4 x 4.

    Where nothing changes at a quarter of the size, the mask stays bit for bit.
    """
    white = mask * np.uint8(255)
    small, seen = (pyramid(pad(pixels), 3)[-1] for pixels in (white, photo))
    before = small >= 128
    after = refine(before, seen, side, COARSE)
    changed, value = (
        repeat_pixels(x, 4)[: mask.shape[0], : mask.shape[1]] for x in (before != after, after)
    )
    return np.where(changed, value, mask)


def find_edges(photo: Photo) -> Mask:
    """Return where any channel of `photo` (H, W, 3) has an edge, thickened to 2 x 2 pixels."""
    from skimage.filters import sobel
    from skimage.util import img_as_float32

    channels = np.moveaxis(img_as_float32(photo), -1, 0)
    edges = np.any([sobel(channel) > EDGE for channel in channels], axis=0)
    return cv2.dilate(edges.view(np.uint8), np.ones((2, 2))) > 0


def contour_squares(mask: Mask, side: int) -> NDArray[np.int64]:
    """Return the (N, 2) row and column of the squares in or at which `mask` changes."""
    contour = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3)))
    return np.argwhere(to_blocks(contour, side).any(axis=(2, 3)))


def blocks(pixels: Mask, squares: NDArray[np.int64], size: int, step: int) -> Mask:
    """Return (N, size, size) of `pixels`, from `step` times row and column of each square on."""
    rows, columns = (squares[:, i, None] * step + np.arange(size) for i in (0, 1))
    return np.asarray(pixels[rows[:, :, None], columns[:, None, :]])


def label_regions(edges: Mask) -> tuple[NDArray[np.int32], int]:
    """Return the regions between `edges` (N, S, S), and how many there are in all.

    Pixels of one region touch at a side or a corner.

    Returns:
        (N, S, S) regions, numbered from 1, 0 on the edges; R.
    """
    from scipy import ndimage

    within_squares = np.pad(np.ones((1, 3, 3)), ((1, 1), (0, 0), (0, 0)))
    labels, count = ndimage.label(~edges, structure=within_squares)
    return labels, count


def decide(labels: NDArray[np.int32], count: int, inside: Mask, framed: Mask, vote: Vote) -> Mask:
    """Return (R + 1,) for each of the R regions, from number 1 on, whether it is object.

    Args:
        labels: (N, S, S) regions, 0 on the edges.
        count: R.
        inside: (N, S, S) mask of the squares.
        framed: (N, S + 2, S + 2) mask of the squares and of the pixels around them.
        vote: weights.
    """
    from scipy import ndimage

    own = np.zeros(count + 1)
    own[1:] = ndimage.mean(inside, labels, np.arange(1, count + 1))
    is_object = (1 - vote.border) * own
    is_background = (1 - vote.border) * (1 - own)
    # Pixels just outside the square vote too, if the region reaches its border; most do not.
    sides = (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])
    beyond = (framed[:, 0, 1:-1], framed[:, -1, 1:-1], framed[:, 1:-1, 0], framed[:, 1:-1, -1])
    touching, outside = np.concatenate(sides), np.concatenate(beyond)
    at_border = np.unique(touching)
    other = ndimage.mean(outside, touching, at_border)
    is_object[at_border] += vote.border * other
    is_background[at_border] += vote.border * (1 - other)
    return np.asarray(is_object > vote.ratio * is_background)

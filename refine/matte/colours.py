"""Colours of the object where its pixels show some background, without the background's part.

Blur fusion, twice: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021,
doi:10.1109/ICIP42928.2021.9506164. Both colours are first means of what is around, weighted by
alpha; the object's is then corrected by what the two do not explain of the photo. Here it runs on
tiles along the contour, stacked to one tall picture, so the time follows the contour. Weights are
the fourth power of alpha, so that pixels that are nearly pure decide.

A lens blurs the contour: pixels that lie wholly inside it have some of the background as well.
Alpha is blurred likewise for the colours, though not in the cutout.

Shapes: H x W a photo, N tiles, S their side with margin, (R, S) the N tiles stacked, R = N S.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data.tile_grid import to_blocks
from refine.matte.coverage import Floats

TILE = 32

REACH = 8
"""Pixels on either side of the contour that are given a colour, at least. The tiles are chosen by
blocks of this side."""

RADII = (4, 1)
"""Of the means, in pixels: the first finds colours on either side, the second those nearby."""

OUTWARD = 5
"""Radius of the mean that gives transparent pixels the colour of the object beside them."""

LENS = 0.8
"""Sigma of a lens's blur in pixels, the studio's average."""

MARGIN = sum(RADII) + OUTWARD

NOTHING = np.float32(1e-6)
"""Least weight of a mean that counts."""

Samples = NDArray[Any]
"""(H, W, 3) uint8 or uint16 RGB."""

Planes = list[Floats]
"""Red, green and blue, each (R, S)."""


def object_colours(
    photo: Samples,
    alpha: Floats,
    lens: float = LENS,
    tiles: NDArray[np.intp] | None = None,
) -> Samples:
    """Return `photo` with the object's own colours along its contour.

    Deep inside nothing changes. Transparent pixels within some pixels of the object have the colour
    of the object beside them, and all others the mean of these, so that a program that resizes
    colours apart from alpha shows no rim.

    Args:
        photo: (H, W, 3) uint8 or uint16 RGB.
        alpha: (H, W) from 0 to 1.
        lens: sigma of the blur of contours in the photo, in pixels.
        tiles: (N, 2) rows and columns of the tiles that are worked on; by default `edge_tiles`.
    """
    tiles = edge_tiles(alpha) if tiles is None else tiles
    if not len(tiles):
        return photo.copy()
    own = _stacked(alpha, tiles)
    blurred = np.asarray(cv2.GaussianBlur(own, (7, 7), lens), np.float32)
    inside = _fuse([_stacked(photo[..., c], tiles) for c in range(3)], blurred)
    beside, known = _means(inside, own, OUTWARD)
    clear = own == 0
    estimate = [np.where(clear, far, near) for far, near in zip(beside, inside, strict=True)]
    changed = _core((blurred < 1) & (known | ~clear), tiles)
    most = np.iinfo(photo.dtype).max
    found = np.stack([_core(plane, tiles)[changed] for plane in estimate], axis=1)
    found = np.rint(found.clip(0, most)).astype(photo.dtype)
    colours = _on_mean(photo, alpha, found[_core(own < 1, tiles)[changed]])
    _put(colours, tiles, found, changed)
    return colours


def edge_tiles(alpha: Floats) -> NDArray[np.intp]:
    """Return (N, 2) rows and columns of the tiles with a pixel within `REACH` of a contour."""
    height, width = alpha.shape
    levels = cv2.convertScaleAbs(alpha, alpha=255)
    mixed = cv2.morphologyEx(levels, cv2.MORPH_GRADIENT, np.ones((3, 3)))
    padded = np.pad(mixed, ((0, -height % TILE), (0, -width % TILE)))
    blocks = to_blocks(padded, REACH).any(axis=(2, 3)).astype(np.uint8)
    near = cv2.dilate(np.asarray(blocks, np.uint8), np.ones((3, 3)))
    return np.argwhere(to_blocks(near, TILE // REACH).any(axis=(2, 3)))


def _fuse(photo: Planes, alpha: Floats) -> Planes:
    """Return the object's colour, three of (R, S), wherever there is some of it.

    Args:
        photo: three of (R, S), red, green and blue.
        alpha: (R, S) from 0 to 1.
    """
    rest = 1 - alpha
    weight, other = (np.square(np.square(share)) for share in (alpha, rest))
    front = back = photo
    for radius in RADII:
        front, _ = _means(front, weight, radius)
        back, _ = _means(back, other, radius)
        front = [
            f + alpha * (p - alpha * f - rest * b)
            for f, p, b in zip(front, photo, back, strict=True)
        ]
    return front


def _means(colours: Planes, weight: Floats, radius: int) -> tuple[Planes, NDArray[np.bool_]]:
    """Return the weighted mean of colours in a square, and where there is any weight.

    Where there is none, colours stay as they are.
    """
    square = (2 * radius + 1, 2 * radius + 1)
    total = np.asarray(cv2.boxFilter(weight, -1, square))
    some = total > NOTHING
    scale = 1 / np.maximum(total, NOTHING)
    means = [np.asarray(cv2.boxFilter(plane * weight, -1, square)) * scale for plane in colours]
    return [np.where(some, mean, was) for mean, was in zip(means, colours, strict=True)], some


def _stacked(plane: NDArray[Any], tiles: NDArray[np.intp]) -> Floats:
    """Return (R, S) tiles of (H, W) with their margin; the photo's edge repeats.

    Means and blurs do not reach across two margins.
    """
    height, width = plane.shape
    after = (MARGIN + -height % TILE, MARGIN + -width % TILE)
    framed = cv2.copyMakeBorder(
        np.ascontiguousarray(plane), MARGIN, after[0], MARGIN, after[1], cv2.BORDER_REPLICATE
    )
    side = TILE + 2 * MARGIN
    windows = np.lib.stride_tricks.sliding_window_view(framed, (side, side))
    return windows[tiles[:, 0] * TILE, tiles[:, 1] * TILE].reshape(-1, side).astype(np.float32)


def _core(stacked: NDArray[Any], tiles: NDArray[np.intp]) -> NDArray[Any]:
    """Return (N, TILE, TILE) of (R, S): tiles without their margin."""
    side = stacked.shape[1]
    return stacked.reshape(len(tiles), side, side)[:, MARGIN:-MARGIN, MARGIN:-MARGIN]


def _on_mean(photo: Samples, alpha: Floats, edge: Samples) -> Samples:
    """Return a copy of `photo` with the mean of the colours `edge`, (n, 3), where it is clear."""
    if not len(edge):
        return photo.copy()
    mean = np.rint(edge.mean(axis=0)).astype(photo.dtype)
    result = np.empty_like(photo, order="C")
    result.reshape(len(photo), -1)[:] = np.tile(mean, photo.shape[1])
    return np.asarray(cv2.copyTo(np.ascontiguousarray(photo), (alpha > 0).view(np.uint8), result))


def _put(
    colours: Samples, tiles: NDArray[np.intp], found: Samples, changed: NDArray[np.bool_]
) -> None:
    """Write (n, 3) colours to where the n `changed` pixels of tiles are in the photo."""
    tile, row, column = np.nonzero(changed)
    rows, columns = tiles[tile, 0] * TILE + row, tiles[tile, 1] * TILE + column
    within = (rows < colours.shape[0]) & (columns < colours.shape[1])
    colours[rows[within], columns[within]] = found[within]

"""From polygons to masks: a pixel is inside if its centre is.

Libraries that fill polygons round the corners to whole pixels (OpenCV), also fill the pixels that
the contour touches (Pillow), or take a minute for a contour of thousands of corners (scikit-image).

Shapes: H x W the photo.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.polygons.contour import Ring

MAX_CROSSINGS = 2**24
"""Most crossings of a polygon's edges with the rows of a photo, 0.7 GiB while it is filled."""

SLACK = 1.0
"""Pixels by which a polygon may leave the photo; some tools put the last pixel's far side there."""

Positions = NDArray[np.int64]


def even_odd(rings: Sequence[Ring], size: Size) -> Mask:
    """Return the (H, W) mask of pixels that lie in an odd number of `rings`.

    Raises:
        InputError: there are more edges than memory should be spent on.
    """
    return _between(_changes(*_windings(rings, size)), size)


def num_pixels(rings: Sequence[Ring], size: Size) -> int:
    """Return how many pixels of a photo of `size` lie in an odd number of `rings`.

    Raises:
        InputError: there are more edges than memory should be spent on.
    """
    changes = _changes(*_windings(rings, size))
    return int((changes[1::2] - changes[::2]).sum())


def filled(ring: Ring, size: Size) -> Mask:
    """Return the (H, W) mask of one ring, after checking it.

    It may touch itself, as it does where a bridge leads to a hole, and leave the photo by a pixel.

    Raises:
        InputError: the ring lies outside the photo, or crosses itself.
    """
    inside = ring.clip(0, (size.width, size.height))
    if np.abs(inside - ring).max() > SLACK:
        x, y = ring[np.abs(inside - ring).max(1).argmax()]
        raise InputError(
            f"it leaves the photo, {size.width} x {size.height}, at x = {x:.6g}, y = {y:.6g}"
        )
    positions, windings = _windings([inside], size)
    way = 1 if windings.sum() > 0 else -1
    wrong = positions[(windings * way < 0) | (windings * way > 1)]
    if len(wrong):
        y, x = divmod(int(wrong[0]), size.width + 1)
        raise InputError(f"it crosses itself, at about x = {x}, y = {y}")
    return _between(_changes(positions, windings), size)


def _between(changes: Positions, size: Size) -> Mask:
    """Return the (H, W) mask of the pixels between one change and the next, by turns."""
    flags = np.zeros(size.height * (size.width + 1), np.bool_)
    flags[changes] = True
    inside = np.logical_xor.accumulate(flags, out=flags)
    return np.ascontiguousarray(inside.reshape(size.height, size.width + 1)[:, :-1])


def _changes(positions: Positions, windings: Positions) -> Positions:
    """Return the positions where a row enters or leaves the rings, by turns.

    Positions count along the rows, each of which has one more position than pixels.
    """
    inside: Mask = windings % 2 == 1
    is_change: Mask = inside != np.concatenate([[False], inside[:-1]])
    return positions[is_change]


def _windings(rings: Sequence[Ring], size: Size) -> tuple[Positions, Positions]:
    """Return where rows cross the rings, in order, and how often the rings wind around there.

    The winding number at a position holds up to the next one; every row ends with 0.
    """
    starts = np.concatenate([*rings, np.empty((0, 2))])
    ends = np.concatenate([*(np.roll(ring, -1, 0) for ring in rings), np.empty((0, 2))])
    # From the upper end to the lower one, whichever way the edge runs, so that the two edges of a
    # bridge are one line, to the last bit.
    is_down = starts[:, 1] <= ends[:, 1]
    upper = np.where(is_down[:, None], starts, ends)
    lower = np.where(is_down[:, None], ends, starts)
    positions, edges = _crossings(upper, lower, size)
    order = np.argsort(positions, kind="stable")
    found, first = np.unique(positions[order], return_index=True)
    windings = np.cumsum(np.where(is_down, 1, -1)[edges][order])
    return found, windings[np.append(first[1:], len(order)) - 1] if len(order) else windings


def _crossings(upper: Ring, lower: Ring, size: Size) -> tuple[Positions, Positions]:
    """Return the position of each crossing of an edge with the centre line of a row, and the edge.

    Raises:
        InputError: there are more than `MAX_CROSSINGS`.
    """
    first = np.ceil(upper[:, 1] - 0.5).clip(0, size.height).astype(np.int64)
    after = np.ceil(lower[:, 1] - 0.5).clip(0, size.height).astype(np.int64)
    counts = after - first
    if counts.sum() > MAX_CROSSINGS:
        raise InputError(
            f"its edges cross {counts.sum()} rows of the photo; at most {MAX_CROSSINGS} are drawn"
        )
    edges = np.repeat(np.arange(len(counts)), counts)
    rows = np.arange(len(edges)) - np.repeat(np.cumsum(counts) - counts - first, counts)
    (x, y), (dx, dy) = upper[edges].T, (lower - upper)[edges].T
    columns = np.ceil(x + (rows + 0.5 - y) * (dx / dy) - 0.5).clip(0, size.width)
    return rows * (size.width + 1) + columns.astype(np.int64), edges

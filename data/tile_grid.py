"""Splitting arrays into square blocks and joining them: the pixels of a grid of tiles.

Shapes: H x W an array, both multiples of the side S of a block; N tiles.
"""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask
from data.geometry import Size

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar("Array", NDArray[Any], "Tensor")
"""An array of numpy or torch: only methods that both have are used."""


def to_blocks(array: Array, side: int) -> Array:
    """Return (..., H, W) as its blocks, (..., H / S, W / S, S, S); a view where that is possible.

    For a contiguous array the result is always a view: writing to the blocks changes `array`.

    Raises:
        ValueError: H or W is no multiple of `side`.
    """
    height, width = array.shape[-2:]
    if height % side or width % side:
        raise ValueError(f"{height} x {width} cannot be cut into blocks of {side} x {side}")
    shape = *array.shape[:-2], height // side, side, width // side, side
    return array.reshape(shape).swapaxes(-3, -2)


def from_blocks(blocks: Array) -> Array:
    """Return the (..., H, W) array whose blocks are (..., H / S, W / S, S, S)."""
    *rest, rows, columns, side, _ = blocks.shape
    return blocks.swapaxes(-3, -2).reshape((*rest, rows * side, columns * side))


def repeat_pixels(array: NDArray[Any], factor: int) -> NDArray[Any]:
    """Return a new array in which each pixel of (H, W, ...) is a square of `factor` x `factor`."""
    return array.repeat(factor, axis=0).repeat(factor, axis=1)


def tile_mask(tiles: NDArray[np.integer[Any]], size: Size, side: int) -> Mask:
    """Return (H, W) of `size`: which pixels lie in `tiles`, (N, 2) rows and columns of the grid."""
    grid = np.zeros((size.height // side, size.width // side), np.bool_)
    grid[tuple(tiles.T)] = True
    return repeat_pixels(grid, side)

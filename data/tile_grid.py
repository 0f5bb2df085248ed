"""Arrays cut into the tiles of a grid, and tiles painted back.

Shapes: H x W pixels, multiples of the side T of a tile; N tiles.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from data.geometry import Size

Number = TypeVar("Number", bound=np.generic)


def as_blocks(pixels: NDArray[Number], side: int) -> NDArray[Number]:
    """Return (H, W) as (H / T, W / T, T, T) tiles of `side` T, without a copy."""
    height, width = pixels.shape
    return pixels.reshape(height // side, side, width // side, side).swapaxes(1, 2)


def covered(tiles: NDArray[np.int64], size: Size, side: int) -> NDArray[np.bool_]:
    """Return (H, W) of `size`: which pixels lie in `tiles`, (N, 2) rows and columns of `side`."""
    grid = np.zeros((size.height // side, size.width // side), np.bool_)
    grid[tuple(tiles.T)] = True
    return grid.repeat(side, 0).repeat(side, 1)

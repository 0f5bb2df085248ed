"""The places of a photo where its mask is least certain, each small enough to be enlarged.

Where the network and the mask agree, a pixel is wrong with the probability min(p, 1 - p); where
they do not, with more. Their sum in a place is the number of wrong pixels to expect there.

Shapes: Hp x Wp a photo at padded working size, T the side of a tile, N tiles.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.geometry import Size
from data.tile_grid import to_blocks

Sums = NDArray[np.float64]
"""(..., 3): the sum of the doubt in pixels of the mask, and in others, and the mask's area."""

TILES_A_SIDE = 6
"""Tiles along the side of a place."""

MOST_PLACES = 8
"""Most places of a photo."""

LEAST_WRONG = 4.0
"""Wrong pixels to expect in a place, below which it is not worth a look, but for the first one."""


@dataclass(frozen=True)
class Place:
    """A square of a photo at working size."""

    x: int
    """Left side, in pixels."""
    y: int
    """Upper side."""
    side: int
    wrong: float
    """Number of wrong pixels to expect in it."""


def sums_of(logits: Tensor, belief: Tensor, within: Tensor) -> Sums:
    """Return (N, 3) sums of blocks of pixels.

    Args:
        logits: (N, T, T) of the mask.
        belief: (N, T, T) of what is probable.
        within: (N, T, T) 1, or 0 for the padding.
    """
    mask = (logits > 0) * within
    doubt = torch.sigmoid(torch.where(logits > 0, -belief, belief)) * within
    inside = doubt * mask
    sums = (inside.sum((1, 2)), (doubt - inside).sum((1, 2)), mask.sum((1, 2)))
    return np.asarray(torch.stack(sums, dim=1).cpu().numpy(), np.float64)


def within_photo(working: Size, padded: Size, side: int) -> Tensor:
    """Return (Hp / T, Wp / T, T, T) 1, or 0 for the padding."""
    inside = torch.zeros(padded)
    inside[: working.height, : working.width] = 1
    return to_blocks(inside, side)


def expected_dice(grid: Sums) -> float:
    """Return the expected Dice of a mask, as `Prediction.predicted_dice` does; empty masks have 0.

    Args:
        grid: (..., 3) sums of all blocks of a photo.
    """
    wrong_inside, missing, area = (float(value) for value in grid.reshape(-1, 3).sum(0))
    right = area - wrong_inside
    return 2 * right / (right + missing + area) if area else 0.0


def uncertain_places(grid: Sums, side: int, working: Size) -> list[Place]:
    """Return the places where most wrong pixels are to be expected, the worst first.

    There is one at least, at most `MOST_PLACES`, and no tile counts in two of them.

    Args:
        grid: (Hp / T, Wp / T, 3) sums.
        side: T.
        working: working size, without padding.
    """
    return list(_greedily(np.ascontiguousarray(grid[..., 0] + grid[..., 1]), side, working))


def _greedily(doubt: NDArray[np.float64], tile: int, working: Size) -> Iterator[Place]:
    rows, columns = (min(TILES_A_SIDE, num) for num in doubt.shape)
    side = TILES_A_SIDE * tile
    for count in range(MOST_PLACES):
        sums = _sums_right_and_below(doubt, rows, columns)
        row, column = (int(i) for i in np.unravel_index(int(sums.argmax()), sums.shape))
        wrong = float(sums[row, column])
        if count and wrong < LEAST_WRONG:
            return
        part = doubt[row : row + rows, column : column + columns]
        y, x = (_centre(part) + np.array([row, column])) * tile - side / 2
        top = int(np.clip(y, 0, max(0, working.height - side)))
        left = int(np.clip(x, 0, max(0, working.width - side)))
        yield Place(left, top, side, wrong)
        part[:] = 0


def _sums_right_and_below(
    doubt: NDArray[np.float64], rows: int, columns: int
) -> NDArray[np.float64]:
    """Return the sum of `rows` x `columns` tiles from each one to the right and below."""
    total = np.pad(doubt, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    down = total[rows:] - total[:-rows]
    return np.asarray(down[:, columns:] - down[:, :-columns], np.float64)


def _centre(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return row and column of the centre of mass of a part of the grid, in tiles."""
    total = part.sum()
    if total <= 0:
        return np.array(part.shape) / 2
    rows, columns = np.indices(part.shape) + 0.5
    return np.asarray([(rows * part).sum() / total, (columns * part).sum() / total], np.float64)


def block_rows(grid: Tensor, tiles: NDArray[np.int64]) -> Tensor:
    """Return (N, ...) of (rows, columns, ...): what is at (N, 2) `tiles`."""
    return grid[tuple(torch.from_numpy(tiles.T).to(grid.device))]

"""Which tiles to look at again: those where the coarse network is unsure.

A coarse pixel is uncertain where low < p < high; a tile is uncertain if one of its
pixels is, and weighs the sum of min(p, 1 - p) over its pixels. Ranking by that sum was
clearly better than ranking by the largest value.

Shapes: B photos, h x w the coarse size, th x tw the grid of tiles, N chosen tiles.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def tile_uncertainty(
    logits: Tensor, *, tile: int, stride: int, low: float = 0.05, high: float = 0.95
) -> Tensor:
    """Return how uncertain each tile is, zero where it is not.

    Args:
        logits: (B, h, w) coarse logits.
        tile: side of a tile in full-resolution pixels; it must divide the photo.
        stride: full-resolution pixels along the side of a coarse pixel.
        low: probability down to which a pixel is uncertain.
        high: probability up to which it is.

    Returns:
        (B, th, tw) float32, 0 or in (0, (tile / stride)^2 / 2].

    Raises:
        ValueError: the tiles do not fit the photo, or are smaller than a coarse pixel.
    """
    side = tile // stride
    if not side or logits.shape[-2] % side or logits.shape[-1] % side:
        raise ValueError(f"tiles of {side} coarse pixels do not fit {tuple(logits.shape)}")
    p = torch.sigmoid(logits.float())
    doubt = F.avg_pool2d(torch.minimum(p, 1 - p)[:, None], side) * side**2
    uncertain = ((p > low) & (p < high)).float()
    weights: Tensor = doubt * F.max_pool2d(uncertain[:, None], side)
    return weights.squeeze(1)


def select_tiles(weights: Tensor, budget: int | None = None) -> Tensor:
    """Return the uncertain tiles, at most `budget` heaviest of each photo.

    Args:
        weights: (B, th, tw), zero where a tile is certain.
        budget: most tiles of one photo; None for all that are uncertain.

    Returns:
        (N, 3) int64: photo, row and column in the grid of tiles, in that order.

    Raises:
        ValueError: the budget is negative.
    """
    if budget is not None and budget < 0:
        raise ValueError(f"a budget is at least 0 tiles, not {budget}")
    flat = weights.flatten(1)
    chosen = flat > 0
    if budget is not None and budget < flat.shape[1]:
        # A stable sort: of equal weights the first tile wins, on every device.
        order = flat.argsort(dim=1, descending=True, stable=True)
        within = torch.zeros_like(chosen).scatter_(1, order[:, :budget], True)
        chosen &= within
    return chosen.view_as(weights).nonzero()

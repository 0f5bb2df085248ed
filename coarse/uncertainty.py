"""Which tiles to refine: those where the coarse network is uncertain.

A coarse pixel is uncertain where low < p < high. A tile is uncertain if one of its pixels is; its
uncertainty is the sum of min(p, 1 - p) over its pixels. Ranking tiles by that sum was clearly
better than ranking by the largest value.

Shapes: B photos, h x w the coarse size, th x tw the grid of tiles, N chosen tiles.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def tile_uncertainty(
    logits: Tensor, *, tile: int, stride: int, low: float = 0.05, high: float = 0.95
) -> Tensor:
    """Return the uncertainty of each tile, zero for a certain one.

    Args:
        logits: (B, h, w) coarse logits.
        tile: side of a tile in full-resolution pixels; it must divide the photo.
        stride: full-resolution pixels along the side of a coarse pixel.
        low: probability above which a pixel is uncertain.
        high: probability below which it is.

    Returns:
        (B, th, tw) float32, 0 or in (0, (tile / stride)^2 / 2].

    Raises:
        ValueError: the tiles do not fit the photo, or are smaller than a coarse pixel.
    """
    side = tile // stride
    if not side or logits.shape[-2] % side or logits.shape[-1] % side:
        raise ValueError(f"tiles of {side} coarse pixels do not fit {tuple(logits.shape)}")
    p = torch.sigmoid(logits.float())
    total = F.avg_pool2d(torch.minimum(p, 1 - p)[:, None], side) * side**2
    is_uncertain = ((p > low) & (p < high)).float()
    uncertainty: Tensor = total * F.max_pool2d(is_uncertain[:, None], side)
    return uncertainty.squeeze(1)


def select_tiles(uncertainty: Tensor, max_tiles: int | None = None) -> Tensor:
    """Return the uncertain tiles, of each photo the `max_tiles` most uncertain at most.

    Args:
        uncertainty: (B, th, tw), zero where a tile is certain.
        max_tiles: largest number of tiles of one photo; None for all that are uncertain.

    Returns:
        (N, 3) int64: photo, row and column in the grid of tiles, in that order.

    Raises:
        ValueError: `max_tiles` is negative.
    """
    if max_tiles is not None and max_tiles < 0:
        raise ValueError(f"a budget is at least 0 tiles, not {max_tiles}")
    flat = uncertainty.flatten(1)
    chosen = flat > 0
    if max_tiles is not None:
        # A stable sort: of equal tiles the first wins, on every device.
        order = flat.argsort(descending=True, stable=True)
        within = torch.zeros_like(chosen).scatter_(1, order[:, :max_tiles], True)
        chosen &= within
    return chosen.view_as(uncertainty).nonzero()

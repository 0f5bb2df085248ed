"""Coarse logits to full size, and refined tiles in their place.

Upsampling is half-pixel centred (`align_corners=False`): coarse pixel i covers the full
pixels 4 i to 4 i + 3, and its centre stays where it is.

Shapes: B photos, h x w the coarse size, H x W the padded full size, N tiles, T their side.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from data.geometry import COARSE_STRIDE


def upsample(logits: Tensor) -> Tensor:
    """Return (B, h, w) coarse logits at full size (B, H, W), bilinearly."""
    return F.interpolate(
        logits[:, None], scale_factor=COARSE_STRIDE, mode="bilinear", align_corners=False
    ).squeeze(1)


def probability(logits: Tensor) -> Tensor:
    """Return logits as probabilities in uint8, 255 being certain object: what the fovea sees."""
    return (torch.sigmoid(logits) * 255).round().to(torch.uint8)


def logit(probability: Tensor) -> Tensor:
    """Return uint8 probabilities as float32 logits within 6.3 of zero, so that none is infinite."""
    p = probability.float().clamp(0.5, 254.5) / 255
    return torch.log(p) - torch.log1p(-p)


def add_residuals(logits: Tensor, tiles: Tensor, residuals: Tensor) -> Tensor:
    """Return full-size logits with the refiner's residuals added inside its tiles.

    Args:
        logits: (B, H, W) upsampled coarse logits; left as they are.
        tiles: (N, 3) int64: photo, row and column in the grid of tiles, no tile twice.
        residuals: (N, T, T) float32 in the order of `tiles`.

    Returns:
        (B, H, W) logits, a new tensor; outside the tiles bit for bit those given.

    Raises:
        ValueError: the tiles do not fit the photo, or there is not one residual for each.
    """
    num, side = residuals.shape[0], residuals.shape[-1]
    batch, height, width = logits.shape
    if len(tiles) != num or height % side or width % side:
        raise ValueError(
            f"{num} residuals of side {side} do not fit {len(tiles)} tiles of {tuple(logits.shape)}"
        )
    grid = logits.reshape(batch, height // side, side, width // side, side)
    photo, row, column = tiles.to(logits.device).T
    blocks = grid.permute(0, 1, 3, 2, 4).clone()
    blocks[photo, row, column] += residuals
    return blocks.permute(0, 1, 3, 2, 4).reshape(batch, height, width)

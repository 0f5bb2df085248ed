"""Upsample coarse logits to full size, and put refined tiles into them.

Upsampling is half-pixel centred (`align_corners=False`): coarse pixel i of stride s
covers the full-size pixels s i to s i + s - 1, and its centre is theirs.

Shapes: B photos, h x w the coarse size, H x W the padded full size, N tiles, T their side.
"""

import cv2
import torch
from torch import Tensor
from torch.nn import functional as F

from data.geometry import Size
from data.tile_grid import from_blocks, to_blocks

MAX_REDUCTION_ON_GPU = 64
"""Largest factor to reduce logits by on a GPU: from 94 on, its kernel lacks shared memory."""

PIXELS_AT_ONCE = 2**16
"""Pixels whose probabilities are computed together on a CPU, so that they stay in its cache."""


def upsample(logits: Tensor, stride: int) -> Tensor:
    """Return (B, h, w) coarse logits at full size (B, h * stride, w * stride), bilinearly.

    For prediction: no gradient flows through it.
    """
    height, width = logits.shape[1:]
    return enlarge(logits, Size(height * stride, width * stride))


def enlarge(logits: Tensor, size: Size) -> Tensor:
    """Return (B, h, w) float32 logits at a larger `size`, bilinearly, without a gradient."""
    if logits.device.type != "cpu":
        return enlarge_anywhere(logits, size)
    # On the CPU OpenCV does the same eight times as fast.
    result = torch.empty(len(logits), *size)
    for small, large in zip(logits.numpy(), result.numpy(), strict=True):
        cv2.resize(small, size[::-1], dst=large, interpolation=cv2.INTER_LINEAR)
    return result


def enlarge_anywhere(logits: Tensor, size: Size) -> Tensor:
    """Return what `enlarge` does, computed on the device that `logits` are on."""
    large = F.interpolate(logits[:, None], tuple(size), mode="bilinear", align_corners=False)
    return large.squeeze(1)


def reduce(logits: Tensor, size: Size) -> Tensor:
    """Return (B, h, w) logits at a smaller `size`, each a weighted mean of those around it."""
    if size.width == 1 < size.height:
        # PyTorch would give every row of a single column the value of the first one.
        return reduce(logits.mT, Size(1, size.height)).mT
    scale = max(old / new for old, new in zip(logits.shape[1:], size, strict=True))
    source = logits if scale <= MAX_REDUCTION_ON_GPU else logits.cpu()
    small = F.interpolate(source[:, None], tuple(size), mode="bilinear", antialias=True)
    return small.squeeze(1).to(logits.device)


def probability(logits: Tensor) -> Tensor:
    """Return logits as uint8 probabilities, 255 for certain object, as the refiner sees them."""
    result = torch.empty(logits.shape, dtype=torch.uint8, device=logits.device)
    at_once = PIXELS_AT_ONCE if logits.device.type == "cpu" else max(1, logits.numel())
    parts = zip(logits.reshape(-1).split(at_once), result.view(-1).split(at_once), strict=True)
    for source, target in parts:
        target.copy_(torch.sigmoid(source).mul_(255).round_())
    return result


def logit(probability: Tensor) -> Tensor:
    """Return uint8 probabilities as float32 logits within 6.3 of zero, so that none is infinite."""
    p = probability.float().clamp(0.5, 254.5) / 255
    return torch.log(p) - torch.log1p(-p)


def stitch(logits: Tensor, tiles: Tensor, refined: Tensor, *, residual: bool = True) -> Tensor:
    """Return full-size logits with those of the refiner inside its tiles.

    Args:
        logits: (B, H, W) upsampled coarse logits; they are not changed.
        tiles: (N, 3) int64: photo, row and column in the grid of tiles, no tile twice.
        refined: (N, T, T) float32 in the order of `tiles`.
        residual: whether `refined` is added to the coarse logits, or replaces them.

    Returns:
        (B, H, W) logits, a new tensor; outside the tiles bit for bit as given.

    Raises:
        ValueError: the tiles do not fit the photo, or there are more or fewer than in `refined`.
    """
    num, side, _ = refined.shape
    height, width = logits.shape[1:]
    if len(tiles) != num or height % side or width % side:
        raise ValueError(
            f"{num} blocks of side {side} do not fit {len(tiles)} tiles of {tuple(logits.shape)}"
        )
    photo, row, column = tiles.to(logits.device).T
    blocks = to_blocks(logits, side).clone()
    if residual:
        blocks[photo, row, column] += refined
    else:
        blocks[photo, row, column] = refined
    return from_blocks(blocks)

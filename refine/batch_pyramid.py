"""Pyramids of a batch of photos on any device: the same as `data.pyramid` makes of one.

Shapes: B photos, H x W their size, C channels, m the margin in pixels.
"""

import numpy as np
import torch
from torch import Tensor

from data import pyramid
from data.geometry import ALIGNMENT, Size, padded


def padded_pyramid(
    pixels: Tensor, levels: int, margin: int = 0, alignment: int = ALIGNMENT
) -> list[Tensor]:
    """Return the levels of the pyramid of `pixels`, padded by replicating the edges, finest first.

    Args:
        pixels: (B, H, W, C) uint8.
        levels: number of levels.
        margin: m, added to all four sides after the alignment; sizes must stay even.
        alignment: height and width first grow, at the bottom and the right, to a multiple of it.

    Returns:
        Level k: (B, (Hp + 2 m) / 2^k, (Wp + 2 m) / 2^k, C) uint8, Hp x Wp being the aligned size.
    """
    if pixels.device.type != "cpu":
        return pyramid_anywhere(pixels, levels, margin, alignment)
    photos = [
        pyramid.pyramid(pyramid.pad(photo, margin, alignment), levels) for photo in pixels.numpy()
    ]
    channels = pixels.shape[-1]  # OpenCV drops the axis of a single one
    return [
        _batch([level.reshape(*level.shape[:2], channels) for level in same])
        for same in zip(*photos, strict=True)
    ]


def pyramid_anywhere(pixels: Tensor, levels: int, margin: int, alignment: int) -> list[Tensor]:
    """Return what `padded_pyramid` does, computed on the device that `pixels` are on."""
    result = [pad(pixels, margin, alignment)]
    while len(result) < levels:
        result.append(halve(result[-1]))
    return result


def pad(pixels: Tensor, margin: int = 0, alignment: int = ALIGNMENT) -> Tensor:
    """Return (B, H, W, C) `pixels` with its edges replicated outwards, as `data.pyramid.pad`."""
    height, width = pixels.shape[1:3]
    whole = padded(Size(height, width), alignment)
    rows = _replicated(height, whole.height, margin, pixels.device)
    columns = _replicated(width, whole.width, margin, pixels.device)
    return pixels[:, rows[:, None], columns]


def halve(pixels: Tensor) -> Tensor:
    """Return the (B, H / 2, W / 2, C) uint8 means of 2 x 2 pixels, halves rounded up.

    The same as `data.pyramid.halve`, for a batch on any device.
    """
    rows = pixels[:, 0::2].to(torch.int16) + pixels[:, 1::2]
    total = rows[:, :, 0::2] + rows[:, :, 1::2]
    return ((total + 2) >> 2).to(torch.uint8)


def _replicated(side: int, whole: int, margin: int, device: torch.device) -> Tensor:
    """Return the index, of `side` pixels, that each pixel of the padded side copies."""
    return torch.arange(-margin, whole + margin, device=device).clamp(0, side - 1)


def _batch(photos: list[np.ndarray]) -> Tensor:
    """Return arrays of one shape as a batch; a single array is not copied."""
    tensors = [torch.from_numpy(photo) for photo in photos]
    return tensors[0][None] if len(tensors) == 1 else torch.stack(tensors)

"""Foveated windows: from a pyramid and tiles to patches, and patches without redundancy.

A window of level k is what lies around a tile at 1 / 2^k of the resolution. Since level
k + 1 is the 2 x 2 mean of level k, the middle of each window follows from the finer one;
what is left is its ring. `split_rings` keeps only the rings, `join_rings` gives the
windows back bit for bit.

Shapes: B photos, H x W their padded size, m the margin, C channels, N tiles, S_k the side
of the window and P_k the pixels of the ring of level k.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from data.geometry import Fovea

Windows = list[Tensor]
"""Level k: (N, S_k, S_k, C) uint8, finest first."""


def gather_windows(
    levels: Sequence[Tensor], tiles: Tensor, fovea: Fovea, margin: int | None = None
) -> Windows:
    """Cut the windows around all tiles, on whatever device the pyramid is.

    Args:
        levels: level k is (B, (H + 2 m) / 2^k, (W + 2 m) / 2^k, C) uint8, the pyramid of a
            photo padded by m on every side.
        tiles: (N, 3) int64: photo, row and column in the grid of tiles.
        fovea: sides of tile and windows.
        margin: m, a multiple of 2^k for every level and at least the margin of `fovea`, which
            it is by default.

    Returns:
        The windows of each level.
    """
    margin = fovea.margin if margin is None else margin
    photo, row, column = tiles.to(levels[0].device).T
    windows = []
    for level in range(fovea.levels):
        # With the margin, the window of tile (0, 0) begins `margin - level * tile` in.
        first = (margin >> level) - level * fovea.tile_side(level)
        offsets = torch.arange(fovea.window_side(level), device=row.device) + first
        rows = row[:, None] * fovea.tile_side(level) + offsets
        columns = column[:, None] * fovea.tile_side(level) + offsets
        windows.append(levels[level][photo[:, None, None], rows[:, :, None], columns[:, None, :]])
    return windows


def split_rings(windows: Windows, fovea: Fovea) -> list[Tensor]:
    """Return the tile (N, S_0, S_0, C) and the rings (N, P_k, C) of the levels after it."""
    return [
        windows[0],
        *(window.flatten(1, 2)[:, ring_index(fovea, k)] for k, window in enumerate(windows) if k),
    ]


def join_rings(parts: Sequence[Tensor], fovea: Fovea) -> Windows:
    """Return the windows that `split_rings` took apart, bit for bit."""
    windows = [parts[0]]
    for level in range(1, fovea.levels):
        side, hole = fovea.window_side(level), fovea.hole_side(level)
        rim = (side - hole) // 2
        inner = parts[0].new_empty(len(parts[0]), side * side, parts[0].shape[-1])
        inner[:, ring_index(fovea, level).to(inner.device)] = parts[level]
        window = inner.unflatten(1, (side, side))
        window[:, rim : rim + hole, rim : rim + hole] = halve(windows[-1])
        windows.append(window)
    return windows


def ring_index(fovea: Fovea, level: int) -> Tensor:
    """Return the (P_k,) row-major positions of the window of `level` outside its hole."""
    side, hole = fovea.window_side(level), fovea.hole_side(level)
    rim = (side - hole) // 2
    outside = torch.ones(side, side, dtype=torch.bool)
    outside[rim : rim + hole, rim : rim + hole] = False
    return outside.flatten().nonzero().squeeze(1)


def halve(pixels: Tensor) -> Tensor:
    """Return the (N, S / 2, S / 2, C) uint8 means of 2 x 2 pixels, halves rounded up.

    The same as `data.pyramid.halve`, for many windows at once, on any device.
    """
    rows = pixels[:, 0::2].to(torch.int16) + pixels[:, 1::2]
    total = rows[:, :, 0::2] + rows[:, :, 1::2]
    return ((total + 2) >> 2).to(torch.uint8)

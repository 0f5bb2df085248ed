"""Foveated windows: from a pyramid and tiles to patches, and patches without redundancy.

A window of level k shows the surroundings of a tile at 1 / 2^k of the resolution. Level k + 1 is
the 2 x 2 mean of level k, so the middle of each window can be computed from the finer window; only
the ring around it is new. `split_rings` keeps only the rings, `join_rings` restores the windows bit
for bit.

Shapes: B photos, H x W their padded size, m the margin, C channels, N tiles, S_k the side
of the window and P_k the pixels of the ring of level k.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from data.geometry import Fovea
from refine.batch_pyramid import halve

Windows = list[Tensor]
"""Level k: (N, S_k, S_k, C) uint8, finest first."""


def gather_windows(levels: Sequence[Tensor], tiles: Tensor, fovea: Fovea) -> Windows:
    """Return the windows around all tiles, on the device of the pyramid.

    Args:
        levels: level k is (B, (H + 2 m) / 2^k, (W + 2 m) / 2^k, C) uint8, the pyramid of a
            photo padded by m, the margin of `fovea`, on every side.
        tiles: (N, 3) int64: photo, row and column in the grid of tiles.
        fovea: sides of tile and windows.

    Returns:
        The windows of each level.
    """
    photo, row, column = tiles.to(levels[0].device).T
    return [
        windows_of_level(levels[level], fovea, level)[photo, row, column]
        for level in range(fovea.levels)
    ]


def windows_of_level(pixels: Tensor, fovea: Fovea, level: int) -> Tensor:
    """Return the windows around all tiles of the grid, as a view: they overlap in memory.

    Args:
        pixels: (B, (H + 2 m) / 2^k, (W + 2 m) / 2^k, C), level k of the pyramid.
        fovea: sides of tile and windows.
        level: k.

    Returns:
        (B, rows of tiles, columns of tiles, S_k, S_k, C), which must not be written to.
    """
    batch, height, width, channels = pixels.shape
    side, window, rim = fovea.tile_side(level), fovea.window_side(level), fovea.margin >> level
    of_photo, of_row, of_column, of_channel = pixels.stride()
    # The row and column, margin included, where the window of tile (0, 0) begins.
    first = rim - level * side
    return pixels.as_strided(
        (batch, (height - 2 * rim) // side, (width - 2 * rim) // side, window, window, channels),
        (of_photo, side * of_row, side * of_column, of_row, of_column, of_channel),
        pixels.storage_offset() + first * (of_row + of_column),
    )


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
        ring = parts[level]
        inner = ring.new_empty(len(ring), side * side, ring.shape[-1])
        inner[:, ring_index(fovea, level).to(inner.device)] = ring
        window = inner.unflatten(1, (side, side))
        window[:, rim : rim + hole, rim : rim + hole] = halve(windows[-1])
        windows.append(window)
    return windows


def ring_index(fovea: Fovea, level: int) -> Tensor:
    """Return the (P_k,) row-major positions of the window of `level` outside its hole."""
    side, hole = fovea.window_side(level), fovea.hole_side(level)
    rim = (side - hole) // 2
    outside = torch.ones(side, side)
    outside[rim : rim + hole, rim : rim + hole] = 0
    return outside.flatten().nonzero().squeeze(1)

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from data import pyramid as slow
from data.arrays import Pixels
from data.geometry import MAX_LEVELS, TILE_SIDES, Fovea
from refine.fovea import gather_windows, join_rings, ring_index, split_rings
from tests.builders import noise

FOVEAS = [Fovea(tile, levels) for tile, levels in product(TILE_SIDES, range(1, MAX_LEVELS + 1))]


foveas = st.sampled_from(FOVEAS)


seeds = st.integers(0, 2**32 - 1)


def pyramid_of(photos: Pixels, fovea: Fovea) -> list[Tensor]:
    """What `gather_windows` takes, from (B, H, W, C) photos."""
    each = [slow.pyramid(slow.pad(photo, fovea.margin), fovea.levels) for photo in photos]
    return [torch.from_numpy(np.stack(level)) for level in zip(*each, strict=True)]


def all_tiles(photos: Pixels, fovea: Fovea) -> Tensor:
    num, height, width = photos.shape[:3]
    grid = product(range(num), range(height // fovea.tile), range(width // fovea.tile))
    return torch.tensor(list(grid))


def window_slowly(photo: Pixels, row: int, column: int, level: int, fovea: Fovea) -> Pixels:
    """Cut from the full photo, one pixel beyond its edge being the pixel at its edge, and halve.

    Twice as much is replicated as any window takes, so that the cut itself cannot miss.
    """
    far = 2 * MAX_LEVELS * fovea.tile
    wide = np.pad(photo, ((far, far), (far, far), (0, 0)), mode="edge")
    top, left = (far + (i - level) * fovea.tile for i in (row, column))
    side = (2 * level + 1) * fovea.tile
    window = wide[top : top + side, left : left + side].astype(int)
    for _ in range(level):
        rows = window[0::2] + window[1::2]
        window = (rows[:, 0::2] + rows[:, 1::2] + 2) // 4
    return window.astype(np.uint8)


@pytest.mark.parametrize("fovea", FOVEAS, ids=str)
def test_each_window_is_cut_around_its_tile_at_borders_and_corners_too(fovea: Fovea):
    photos = noise((2, 64, 96, 4))
    tiles = all_tiles(photos, fovea)

    windows = gather_windows(pyramid_of(photos, fovea), tiles, fovea)

    assert len(windows) == fovea.levels
    for level, window in enumerate(windows):
        for got, (photo, row, column) in zip(window.numpy(), tiles.tolist(), strict=True):
            wanted = window_slowly(photos[photo], row, column, level, fovea)
            np.testing.assert_array_equal(got, wanted)


@given(foveas, seeds, st.integers(1, 3), st.integers(1, 3))
def test_rings_and_back_gives_the_windows_bit_for_bit(
    fovea: Fovea, seed: int, rows: int, columns: int
):
    photos = noise((1, 32 * rows, 32 * columns, 4), seed)
    windows = gather_windows(pyramid_of(photos, fovea), all_tiles(photos, fovea), fovea)

    parts = split_rings(windows, fovea)
    joined = join_rings(parts, fovea)

    assert [part[0].numel() // 4 for part in parts] == [
        fovea.ring_pixels(level) for level in range(fovea.levels)
    ]
    for again, window in zip(joined, windows, strict=True):
        assert torch.equal(again, window)


@pytest.mark.parametrize(
    ("fovea", "num"),
    [
        (Fovea(16, 3), 256 + 8 * 64 + 16 * 16),
        (Fovea(8, 2), 64 + 8 * 16),
        (Fovea(32, 1), 1024),
        (Fovea(8, 4), 64 + 8 * 16 + 16 * 4 + 24 * 1),
    ],
)
def test_a_patch_holds_each_part_of_the_window_once(fovea: Fovea, num: int):
    photos = noise((1, 32, 32, 4))
    windows = gather_windows(pyramid_of(photos, fovea), torch.zeros(1, 3, dtype=torch.int64), fovea)

    parts = split_rings(windows, fovea)

    assert sum(part.numel() for part in parts) == 4 * num
    assert fovea.num_pixels == num


def test_the_default_fovea_holds_1024_pixels():
    assert Fovea().num_pixels == 1024


def test_a_ring_is_what_lies_around_the_hole_row_by_row():
    fovea = Fovea(8, 3)
    inside = np.zeros((10, 10), bool)
    inside[2:8, 2:8] = True

    index = ring_index(fovea, 2)

    assert index.tolist() == np.flatnonzero(~inside).tolist()


@pytest.mark.parametrize("fovea", FOVEAS, ids=str)
def test_no_tiles_give_no_windows(fovea: Fovea):
    levels = pyramid_of(noise((1, 32, 32, 4)), fovea)

    windows = gather_windows(levels, torch.zeros(0, 3, dtype=torch.int64), fovea)

    sides = [fovea.window_side(level) for level in range(fovea.levels)]
    assert [tuple(window.shape) for window in windows] == [(0, side, side, 4) for side in sides]
    joined = join_rings(split_rings(windows, fovea), fovea)
    assert [window.shape for window in joined] == [window.shape for window in windows]

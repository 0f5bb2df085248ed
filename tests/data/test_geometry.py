import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.geometry import (
    ALIGNMENT,
    COARSE_STRIDES,
    MAX_LEVELS,
    TILE_SIDES,
    Fovea,
    Size,
    padded,
    working_size,
)

SIZES = st.builds(Size, st.integers(1, 20_000), st.integers(1, 20_000))
FOVEAS = [Fovea(tile, levels) for tile in TILE_SIDES for levels in range(1, MAX_LEVELS + 1)]

all_foveas = pytest.mark.parametrize("fovea", FOVEAS, ids=lambda f: f"{f.tile}x{f.levels}")


def test_carvana_photos_are_padded_by_two_columns():
    assert padded(Size(1280, 1918)) == (1280, 1920)


@given(SIZES)
def test_padding_is_the_least_that_fits_the_grids(size: Size):
    whole = padded(size)

    for side, before in zip(whole, size, strict=True):
        assert side % ALIGNMENT == 0
        assert before <= side < before + ALIGNMENT
    assert padded(whole) == whole


@pytest.mark.parametrize("size", [Size(0, 5), Size(5, 0), Size(-1, 5)])
def test_a_photo_without_pixels_is_refused(size: Size):
    with pytest.raises(ValueError, match="at least one pixel"):
        padded(size)


def test_a_size_knows_its_area():
    assert Size(1280, 1918).area == 1280 * 1918


@given(SIZES, st.integers(64, 16_384))
def test_a_photo_is_looked_at_near_the_long_side_asked_for(size: Size, long_side: int):
    working = working_size(size, long_side)

    if working == size:
        assert 0.8 <= long_side / max(size) <= 1.25
    else:
        assert max(working) == long_side
        scale = long_side / max(size)
        assert abs(min(working) - min(size) * scale) <= max(0.5, 1 - min(size) * scale) + 1e-6
    assert min(working) >= 1


@given(SIZES, st.integers(64, 16_384))
def test_a_working_size_is_kept_as_it_is(size: Size, long_side: int):
    working = working_size(size, long_side)

    assert working_size(working, long_side) == working
    # The mask follows its photo by the longer side that the photo came to have.
    assert working_size(size, max(working)) == working


@pytest.mark.parametrize(
    ("size", "working"),
    [
        (Size(1280, 1918), Size(1280, 1918)),
        (Size(1067, 1600), Size(1067, 1600)),
        (Size(1598, 2397), Size(1598, 2397)),  # 0.8 of it is 1,917.6
        (Size(1599, 2398), Size(1279, 1918)),  # 0.8 of it is 1,918.4
        (Size(3000, 2000), Size(1918, 1279)),
        (Size(320, 480), Size(1279, 1918)),
        (Size(10_000, 2), Size(1918, 1)),
    ],
)
def test_known_working_sizes(size: Size, working: Size):
    assert working_size(size, 1918) == working


def test_a_patch_of_three_levels_holds_1024_pixels():
    fovea = Fovea(tile=16, levels=3)

    assert [fovea.ring_pixels(level) for level in range(3)] == [256, 512, 256]
    assert fovea.num_pixels == 1024
    assert fovea.margin == 32
    assert [fovea.window_side(level) for level in range(3)] == [16, 24, 20]
    assert [fovea.hole_side(level) for level in range(3)] == [0, 8, 12]


@all_foveas
def test_windows_nest(fovea: Fovea):
    for level in range(1, fovea.levels):
        # The hole is the finer window at half its resolution.
        assert 2 * fovea.hole_side(level) == fovea.window_side(level - 1)
        # The ring is as wide as a tile on each side.
        assert fovea.window_side(level) - fovea.hole_side(level) == 2 * fovea.tile_side(level)


@all_foveas
def test_the_rings_cover_the_largest_window_once(fovea: Fovea):
    side = fovea.tile + 2 * fovea.margin
    covered = np.zeros((side, side), int)

    for level in range(fovea.levels):
        scale = 2**level
        ring = np.ones((fovea.window_side(level),) * 2, int)
        inner = slice(fovea.tile_side(level), fovea.tile_side(level) + fovea.hole_side(level))
        if level:
            ring[inner, inner] = 0
        assert ring.sum() == fovea.ring_pixels(level)
        rim = (side - len(ring) * scale) // 2
        covered[rim : side - rim, rim : side - rim] += ring.repeat(scale, 0).repeat(scale, 1)

    assert (covered == 1).all()


@all_foveas
def test_every_grid_fits_a_padded_photo_and_its_margin(fovea: Fovea):
    coarsest = 2 ** (fovea.levels - 1)

    assert fovea.tile_side(fovea.levels - 1) >= 1
    assert ALIGNMENT % fovea.tile == 0
    assert all(ALIGNMENT % stride == 0 for stride in COARSE_STRIDES)
    assert ALIGNMENT % coarsest == 0
    # Grids count from the photo's corner, windows from the margin's: they must agree.
    assert fovea.margin % coarsest == 0


def test_a_fifth_of_the_long_side_is_within_a_fifth():
    assert working_size(Size(1000, 500), 800) == (1000, 500)
    assert working_size(Size(1000, 500), 1250) == (1000, 500)
    assert working_size(Size(1000, 500), 799) == (799, 400)
    assert working_size(Size(1000, 500), 1251) == (1251, 626)


def test_a_fovea_may_have_as_many_levels_as_there_are():
    assert Fovea(levels=MAX_LEVELS).levels == MAX_LEVELS == 4
    assert Fovea(levels=1).levels == 1


@pytest.mark.parametrize("tile", [0, 4, 12, 64, -16])
def test_other_tiles_are_refused(tile: int):
    with pytest.raises(ValueError, match=r"a tile is \(8, 16, 32\) pixels a side, not"):
        Fovea(tile=tile)


@pytest.mark.parametrize("levels", [0, 5, -1])
def test_other_numbers_of_levels_are_refused(levels: int):
    with pytest.raises(ValueError, match="a fovea has 1 to 4 levels, not"):
        Fovea(levels=levels)

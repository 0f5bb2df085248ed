import numpy as np
import pytest

from data.geometry import Size
from data.tile_grid import as_blocks, covered


@pytest.mark.parametrize("side", [8, 16])
def test_a_block_holds_the_pixels_of_its_tile(side: int):
    pixels = np.arange(48 * 64).reshape(48, 64)

    blocks = as_blocks(pixels, side)

    assert blocks.shape == (48 // side, 64 // side, side, side)
    for row, column in np.ndindex(*blocks.shape[:2]):
        rows, columns = (slice(at * side, (at + 1) * side) for at in (row, column))
        np.testing.assert_array_equal(blocks[row, column], pixels[rows, columns])


def test_pixels_in_tiles_are_covered_and_no_others():
    tiles = np.array([[0, 2], [1, 0]])

    mask = covered(tiles, Size(16, 24), 8)

    expected = np.zeros((16, 24), np.bool_)
    expected[:8, 16:] = expected[8:, :8] = True
    np.testing.assert_array_equal(mask, expected)


def test_no_tiles_cover_nothing():
    assert not covered(np.zeros((0, 2), np.int64), Size(16, 24), 8).any()

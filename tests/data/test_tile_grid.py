from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data.arrays import Mask
from data.geometry import Size
from data.tile_grid import from_blocks, repeat_pixels, tile_mask, to_blocks

sides = st.integers(1, 5)


def numbered(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape)


@given(sides, sides, sides, st.sampled_from([(), (2,), (2, 3)]))
def test_each_block_is_cut_where_it_lies(
    rows: int, columns: int, side: int, before: tuple[int, ...]
):
    array = numbered(*before, rows * side, columns * side)

    blocks = to_blocks(array, side)

    assert blocks.shape == (*before, rows, columns, side, side)
    for row, column in product(range(rows), range(columns)):
        top, left = row * side, column * side
        np.testing.assert_array_equal(
            blocks[..., row, column, :, :], array[..., top : top + side, left : left + side]
        )


@given(sides, sides, sides, st.sampled_from([(), (2,), (2, 3)]))
def test_blocks_come_together_again(rows: int, columns: int, side: int, before: tuple[int, ...]):
    array = numbered(*before, rows * side, columns * side)

    np.testing.assert_array_equal(from_blocks(to_blocks(array, side)), array)


@given(sides, sides, sides, sides)
def test_blocks_of_tensors_are_those_of_arrays(photos: int, rows: int, columns: int, side: int):
    array = numbered(photos, rows * side, columns * side)
    tensor = torch.from_numpy(array)

    blocks = to_blocks(tensor, side)

    np.testing.assert_array_equal(blocks.numpy(), to_blocks(array, side))
    assert torch.equal(from_blocks(blocks), tensor)


def test_what_is_written_to_blocks_is_in_the_array():
    array = numbered(4, 6)

    to_blocks(array, 2)[1, 2] = -1

    assert (array == -1).sum() == 4
    assert (array[2:, 4:] == -1).all()


@pytest.mark.parametrize("shape", [(4, 5), (5, 4), (2, 4, 5)])
def test_what_is_no_multiple_of_a_side_is_not_cut(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"4 x 5|5 x 4.*blocks of 2 x 2"):
        to_blocks(numbered(*shape), 2)


@given(sides, sides, sides, st.sampled_from([(), (3,)]))
def test_a_repeated_pixel_is_a_square(rows: int, columns: int, factor: int, after: tuple[int, ...]):
    array = numbered(rows, columns, *after)

    large = repeat_pixels(array, factor)

    assert large.shape == (rows * factor, columns * factor, *after)
    for row, column in np.ndindex(large.shape[:2]):
        np.testing.assert_array_equal(large[row, column], array[row // factor, column // factor])


@given(st.data(), sides, sides, sides)
def test_the_pixels_of_tiles_are_those_that_slow_counting_finds(
    data: st.DataObject, rows: int, columns: int, side: int
):
    grid = list(product(range(rows), range(columns)))
    tiles = data.draw(st.lists(st.sampled_from(grid), unique=True))

    mask = tile_mask(
        np.array(tiles, np.int64).reshape(-1, 2), Size(rows * side, columns * side), side
    )

    expected: Mask = np.zeros((rows * side, columns * side), np.bool_)
    for row, column in np.ndindex(expected.shape):
        expected[row, column] = (row // side, column // side) in tiles
    np.testing.assert_array_equal(mask, expected)

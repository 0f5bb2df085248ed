import numpy as np
import pytest
from hypothesis import example, given
from hypothesis.extra.numpy import array_shapes, arrays

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.rle import decode, encode, runs

CARVANA = Size(1280, 1918)

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12))


def mask_of(rows: list[str]) -> Mask:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def encode_slowly(mask: Mask) -> str:
    """Count pixel by pixel; opens a run at its first pixel, closes it at the first one after."""
    height, width = mask.shape
    words: list[int] = []
    length = 0
    for number in range(1, height * width + 1):
        if mask[(number - 1) // width, (number - 1) % width]:
            length += 1
            if length == 1:
                words.append(number)
        elif length:
            words.append(length)
            length = 0
    if length:
        words.append(length)
    return " ".join(str(word) for word in words)


@given(masks)
@example(np.zeros((3, 4), np.bool_))
@example(np.ones((3, 4), np.bool_))
@example(np.zeros((0, 4), np.bool_))
def test_a_mask_comes_back_from_its_run_lengths(mask: Mask):
    text = encode(mask)

    again = decode(text, Size(*mask.shape))
    np.testing.assert_array_equal(again, mask)
    assert again.dtype == np.bool_


@given(masks)
def test_run_lengths_are_those_of_counting_pixel_by_pixel(mask: Mask):
    assert encode(mask) == encode_slowly(mask)


@given(masks)
def test_the_layout_in_memory_does_not_matter(mask: Mask):
    padded = np.pad(mask, 1, constant_values=True)

    assert encode(np.asfortranarray(mask)) == encode(mask)
    assert encode(padded[1:-1, 1:-1]) == encode(mask)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (["...", "..."], ""),
        (["###", "###"], "1 6"),
        (["#..", "..."], "1 1"),
        (["...", "..#"], "6 1"),
        (["#..", "..#"], "1 1 6 1"),
        ([".##", "#.."], "2 3"),  # a run goes on in the next row
        (["#..", "#.."], "1 1 4 1"),  # down a column is two runs
    ],
)
def test_known_run_lengths(rows: list[str], text: str):
    mask = mask_of(rows)

    assert encode(mask) == text
    np.testing.assert_array_equal(decode(text, Size(*mask.shape)), mask)


def test_a_carvana_mask_has_1918_pixels_a_row():
    mask = np.zeros(CARVANA, np.bool_)
    mask[0, -1] = mask[1, 0] = True
    mask[2, 7:10] = True
    mask[-1, -2:] = True

    text = encode(mask)

    assert text == f"1918 2 {2 * 1918 + 8} 3 {1280 * 1918 - 1} 2"
    np.testing.assert_array_equal(decode(text, CARVANA), mask)


@pytest.mark.parametrize("text", ["2 3", " 2  3\n", "2 1 3 1 4 1"])
def test_spaces_and_runs_that_touch_make_no_difference(text: str):
    np.testing.assert_array_equal(decode(text, Size(2, 3)), mask_of([".##", "#.."]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3", "pairs of start and length, but here are 3 numbers"),
        ("1 x", "whole numbers, but here is 'x'"),
        ("1 2.0", "whole numbers, but here is '2.0'"),
        ("0 1", "'0 1' starts at 0, but pixels are numbered from 1"),
        ("-3 1", "'-3 1' starts at -3"),
        ("1 0", "'1 0' has length 0, but a run has at least 1 pixel"),
        ("1 -1", "'1 -1' has length -1"),
        ("6 2", "'6 2' ends at pixel 7, but a photo of 3 x 2 has 6"),
        ("7 1", "'7 1' ends at pixel 7"),
        ("-99999999999999999999 1", "starts at -99999999999999999999"),
        ("1 -99999999999999999999", "has length -99999999999999999999"),
        ("1 99999999999999999999", "ends at pixel 99999999999999999999"),
        ("0 1 3 1", "'0 1' starts at 0"),
        ("1 1 2 0 3 1", "'2 0' has length 0"),
        ("6 1 7 1", "'7 1' ends at pixel 7"),  # the last pixel may be a run
        ("9223372036854775807 2", "'9223372036854775807 2' ends at pixel 9223372036854775808"),
        ("4 1 1 1", "'1 1' starts at or before pixel 4.* in order"),
        ("1 3 3 1", "'3 1' starts at or before pixel 3.* not overlap"),
    ],
)
def test_what_is_wrong_with_run_lengths_is_said(text: str, message: str):
    with pytest.raises(InputError, match=message):
        decode(text, Size(2, 3))


@pytest.mark.parametrize("text", ["1 99999999999999999999", "99999999999999999999 1"])
def test_no_photo_is_so_large_that_a_number_of_twenty_digits_fits(text: str):
    with pytest.raises(InputError, match="ends at pixel 99999999999999999999"):
        decode(text, CARVANA)


def test_runs_are_the_first_pixel_and_the_one_after_the_last_from_zero_on():
    starts, ends = runs("1 2 6 1", Size(2, 3))

    assert (starts.tolist(), ends.tolist()) == ([0, 5], [2, 6])
    assert [len(numbers) for numbers in runs("", Size(2, 3))] == [0, 0]


@pytest.mark.parametrize("mask", [np.zeros((2, 3), np.uint8), np.zeros(6, np.bool_)])
def test_only_a_mask_of_bool_is_encoded(mask: Mask):
    with pytest.raises(ValueError, match=r"\(H, W\) of bool, not"):
        encode(mask)

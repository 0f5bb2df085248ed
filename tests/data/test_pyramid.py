from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.arrays import Pixels
from data.geometry import Size, padded
from data.pyramid import halve, pad, pyramid, to_working_size
from tests.builders import noise


@st.composite
def photos(draw: st.DrawFn, *, multiple: int = 1) -> Pixels:
    """Noise of any size, grey or in colour, with many values at the ends of the range."""
    side = st.integers(1, 70 // multiple).map(lambda count: count * multiple)
    size = draw(side), draw(side)
    channels = draw(st.sampled_from([(), (3,), (4,)]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    noise = random.integers(0, 256, size + channels)
    return np.clip(noise * draw(st.sampled_from([1, 3])) - 100, 0, 255).astype(np.uint8)


def halve_slowly(pixels: Pixels) -> Pixels:
    wide = pixels.astype(int)
    total = wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2]
    return ((total + 2) >> 2).astype(np.uint8)


@given(photos(multiple=2))
def test_halving_is_the_mean_of_four_in_whole_numbers(photo: Pixels):
    np.testing.assert_array_equal(halve(photo), halve_slowly(photo))


def test_every_mean_of_four_is_rounded_half_up():
    # All sums of four bytes, 0 to 1,020, each in a square of its own.
    sums = np.arange(1021)
    columns = [(sums + i) // 4 for i in range(4)]
    pixels = np.empty((2, 2 * len(sums)), np.uint8)
    pixels[0, ::2], pixels[0, 1::2], pixels[1, ::2], pixels[1, 1::2] = columns

    np.testing.assert_array_equal(halve(pixels)[0], (sums + 2) // 4)


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (5, 5, 3), (1, 1)])
def test_odd_sizes_are_not_halved(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="only even sizes"):
        halve(np.zeros(shape, np.uint8))


@given(photos(), st.integers(0, 40))
def test_padding_repeats_the_edge(photo: Pixels, margin: int):
    height, width = photo.shape[:2]
    whole = padded(Size(height, width))
    rows = np.arange(-margin, whole.height + margin).clip(0, height - 1)
    columns = np.arange(-margin, whole.width + margin).clip(0, width - 1)

    result = pad(photo, margin)

    np.testing.assert_array_equal(result, photo[rows][:, columns])


@given(photos(), st.integers(1, 6))
def test_each_level_is_the_half_of_the_one_before(photo: Pixels, levels: int):
    whole = pad(photo)

    result = pyramid(whole, levels)

    assert len(result) == levels
    np.testing.assert_array_equal(result[0], whole)
    for finer, coarser in pairwise(result):
        np.testing.assert_array_equal(coarser, halve_slowly(finer))


@given(photos(), st.integers(0, 3))
def test_a_margin_leaves_the_grids_where_they_are(photo: Pixels, rim: int):
    plain = pyramid(pad(photo), 4)

    wide = pyramid(pad(photo, rim * 8), 4)

    for level, (inner, outer) in enumerate(zip(plain, wide, strict=True)):
        edge = rim * 8 >> level
        height, width = outer.shape[:2]
        np.testing.assert_array_equal(outer[edge : height - edge, edge : width - edge], inner)


@settings(max_examples=50)
@given(st.integers(0, 95), st.integers(0, 63), st.integers(6, 255))
def test_a_pixel_is_seen_in_exactly_one_coarse_pixel(row: int, column: int, value: int):
    photo = np.zeros((96, 64, 3), np.uint8)
    photo[row, column] = value  # a sixteenth of 5 would be rounded away

    coarse = pyramid(photo, 3)[2]

    seen = np.argwhere(coarse.any(axis=2)).tolist()
    assert seen == [[row // 4, column // 4]]


@pytest.mark.parametrize("shape", [(1280, 1918, 3), (1100, 1535), (1, 1600, 3)])
def test_photos_near_the_working_size_are_not_resampled(shape: tuple[int, ...]):
    photo = noise(shape)

    assert to_working_size(photo, 1918) is photo


@pytest.mark.parametrize(
    ("shape", "working"),
    [((300, 200, 3), (64, 43, 3)), ((20, 10), (64, 32)), ((2, 400, 3), (1, 64, 3))],
)
def test_other_photos_are_brought_to_it(shape: tuple[int, ...], working: tuple[int, ...]):
    photo = noise(shape)

    result = to_working_size(photo, 64)

    assert result.shape == working
    assert result.dtype == np.uint8
    assert result.mean() == pytest.approx(photo.mean(), abs=12)


def test_resampling_keeps_the_middle_in_the_middle():
    columns = np.linspace(0, 255, 600).astype(np.uint8)
    ramp = np.broadcast_to(columns, (400, 600)).copy()

    for long_side in (64, 1500):
        result = to_working_size(ramp, long_side).astype(int)

        # A ramp turned by half a circle is 255 minus it, wherever half a pixel is not lost.
        np.testing.assert_allclose(result + result[::-1, ::-1], 254.5, atol=1.5)


@pytest.mark.parametrize("alignment", [32, 64, 128])
def test_a_photo_is_padded_to_whole_squares_of_the_alignment(alignment: int):
    photo = np.random.default_rng(0).integers(0, 256, (130, 65, 3), np.uint8)

    whole = pad(photo, 8, alignment)

    assert all((side - 16) % alignment == 0 for side in whole.shape[:2])
    np.testing.assert_array_equal(whole[8:138, 8:73], photo)
    np.testing.assert_array_equal(whole[-1, 8:73], photo[-1])

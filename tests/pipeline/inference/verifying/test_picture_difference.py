from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data.encoding import FORMATS, encode_picture
from data.errors import InputError
from pipeline.inference.picture_difference import LEVELS, num_different
from tests.builders import noise, shaded_photo


def encoded(pixels: np.ndarray, name: str = "png") -> bytes:
    return encode_picture(pixels, FORMATS[name])


@given(st.integers(0, 40 * 56), st.integers(LEVELS + 1, 120))
def test_pixels_that_differ_are_counted(num: int, levels: int):
    pixels = shaded_photo((40, 56)) // 2
    other = pixels.copy()
    other.reshape(-1, 3)[:num, 1] += np.uint8(levels)

    assert num_different(encoded(pixels), encoded(other), "it") == num


def test_a_pixel_counts_once_and_small_differences_do_not():
    pixels = np.full((8, 9, 4), 100, np.uint8)
    other = pixels.copy()
    other[2, 3] = 250
    other[4] += LEVELS

    assert num_different(encoded(pixels), encoded(other), "it") == 1


def test_the_same_pixels_in_another_mode_are_the_same():
    grey = noise((30, 20))
    for mode in ("RGB", "RGBA", "L"):
        file = BytesIO()
        Image.fromarray(grey).convert(mode).save(file, "PNG")

        assert num_different(file.getvalue(), encoded(grey), "it") == 0


def test_compression_is_no_difference():
    pixels = cv2.GaussianBlur(shaded_photo((64, 96)), (0, 0), 3)

    first, again = (encode_picture(pixels, FORMATS["jpg"], quality) for quality in (92, 96))

    assert first != again
    assert num_different(first, again, "it") == 0


def test_sixteen_bits_are_compared_with_all_of_them():
    deep = np.random.default_rng(0).integers(0, 60000, (12, 13, 4), np.uint16)
    other = deep.copy()
    other[5, 6, 0] += LEVELS * 257 + 1
    other[7, 8, 3] += LEVELS * 257

    assert num_different(encoded(deep), encoded(other), "it") == 1
    assert num_different(encoded((deep >> 8).astype(np.uint8)), encoded(deep), "it") == 12 * 13


@pytest.mark.parametrize(
    ("data", "other", "message"),
    [
        (encoded(noise((5, 9))), encoded(noise((9, 5))), "has 9 x 5 pixels instead of 5 x 9"),
        (b"no picture", encoded(noise((9, 5))), "it is not an image"),
        (encoded(noise((40, 40)))[:300], encoded(noise((40, 40))), "it is damaged"),
        (b'{"shapes": []}', b'{"shapes": [1]}', "it is not what the model makes"),
    ],
)
def test_what_cannot_be_compared_is_told(data: bytes, other: bytes, message: str):
    with pytest.raises(InputError, match=message):
        num_different(data, other, "it")


def test_the_same_bytes_are_the_same_whatever_they_are():
    assert num_different(b"{}", b"{}", "it") == 0

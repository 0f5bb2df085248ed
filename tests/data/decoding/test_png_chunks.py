"""PNGs with pixels overwritten are refused, by the checksums of their chunks."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data.errors import InputError
from data.images import decode_photo
from data.masks import decode_mask
from tests.builders import middle_disc
from tests.data.decoding.pictures import encoded, smooth

RAW = {"compress_level": 0}
"""Pixels stand as they are in the file, so whatever overwrites them can be decompressed."""

PHOTO = encoded(Image.fromarray(smooth(40, 60, 3)), "PNG", **RAW)
DEEP = encoded(Image.fromarray(smooth(40, 60, 1)[..., 0].astype(np.uint16) * 257), "PNG", **RAW)
MASK = encoded(Image.fromarray(middle_disc().astype(np.uint8) * 255), "PNG", **RAW)

FILES = [(PHOTO, decode_photo), (DEEP, decode_photo), (MASK, decode_mask)]


@pytest.mark.parametrize(("data", "decode"), FILES)
@given(share=st.floats(0, 1), length=st.integers(1, 40), change=st.integers(1, 255))
def test_overwritten_pixels_are_refused(
    data: bytes, decode: Callable[[bytes, str], object], share: float, length: int, change: int
):
    first = data.index(b"IDAT") + 16
    at = first + round(share * (len(data) - 60 - first))
    damaged = bytearray(data)
    for i in range(at, at + length):
        damaged[i] ^= change

    with pytest.raises(InputError, match=r"a\.png is damaged: "):
        decode(bytes(damaged), "a.png")


@pytest.mark.parametrize(("data", "decode"), FILES)
def test_bytes_after_the_end_do_not_matter(data: bytes, decode: Callable[[bytes, str], object]):
    right = decode(data, "a.png")

    assert np.array_equal(decode(data + b"\0\0\0\4tEXt-and-more", "a.png"), right)


@pytest.mark.parametrize("left", [30, 200, 3000])
def test_a_picture_with_pixels_cut_off_is_refused(left: int):
    with pytest.raises(InputError):
        decode_photo(PHOTO[:-left], "a.png")


def test_the_message_names_what_is_damaged():
    damaged = PHOTO[:-40] + bytes([PHOTO[-40] ^ 1]) + PHOTO[-39:]

    with pytest.raises(InputError, match="a part of the picture is overwritten"):
        decode_photo(damaged, "a.png")

"""JPEGs with pixels missing are refused; those with harmless bytes are read, with every pixel."""

import random
import re
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from data.decoding.jpeg_segments import SCAN, has_hole, mended, segments
from data.errors import InputError
from data.images import decode_photo
from tests.data.decoding.pictures import encoded, smooth

END = b"\xff\xd9"
IMAGE = Image.fromarray(smooth(160, 240, 3))
THUMBNAIL = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + encoded(IMAGE.resize((48, 32)), "JPEG")

KINDS = {
    "baseline": encoded(IMAGE, "JPEG", quality=95),
    "fitted tables": encoded(IMAGE, "JPEG", quality=95, optimize=True),
    "progressive": encoded(IMAGE, "JPEG", quality=95, progressive=True),
    "restart markers": encoded(IMAGE, "JPEG", quality=95, restart_marker_rows=1),
    "grey": encoded(IMAGE.convert("L"), "JPEG", quality=95),
    "cmyk": encoded(IMAGE.convert("CMYK"), "JPEG", quality=95),
    "thumbnail": encoded(IMAGE, "JPEG", quality=95, exif=THUMBNAIL),
}


def start_of_data(data: bytes) -> int:
    """Where the entropy-coded data of the first scan begins."""
    first = next(segment for segment in segments(data) if segment.kind == SCAN)
    return data.index(first.scan)


def before_the_second(data: bytes, stray: bytes) -> bytes:
    """The file with bytes between its first two segments."""
    at = 4 + len(next(segments(data)).content)
    return data[:at] + stray + data[at:]


def cut(data: bytes, at: int, _: int) -> bytes:
    return data[:at]


def cut_and_ended(data: bytes, at: int, _: int) -> bytes:
    return data[:at] + END


def rest_of_zeros(data: bytes, at: int, _: int) -> bytes:
    return data[:at] + bytes(len(data) - at - 2) + END


def hole_of_zeros(data: bytes, at: int, length: int) -> bytes:
    return data[:at] + bytes(length) + data[at + length :]


def erased_sector(data: bytes, at: int, length: int) -> bytes:
    return data[:at] + b"\xff" * length + data[at + length :]


def lost_sector(data: bytes, at: int, length: int) -> bytes:
    return data[:at] + data[at + length :]


def another_behind(data: bytes, at: int, _: int) -> bytes:
    return data[:at] + KINDS["baseline"]


DAMAGES = (
    *(cut, cut_and_ended, rest_of_zeros, hole_of_zeros),
    *(erased_sector, lost_sector, another_behind),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_jpeg_is_named_in_one_line(
    kind: str, damage: Callable[[bytes, int, int], bytes], capfd: pytest.CaptureFixture[str]
):
    data, rng = KINDS[kind], random.Random(0)
    start = start_of_data(data)

    for _ in range(8):
        damaged = damage(data, rng.randrange(start, len(data) - 700), 512)

        with pytest.raises(InputError, match=r"^a\.jpg is damaged: a part of the picture is .*$"):
            decode_photo(damaged, "a.jpg")

    assert capfd.readouterr() == ("", "")


HARMLESS = {
    "nothing": lambda data: data,
    "bytes after the end": lambda data: data + random.Random(0).randbytes(3000),
    "a video after the end": lambda data: data + b"\0\0\0\x18ftypmp42" + bytes(5000),
    "another picture after the end": lambda data: data + KINDS["progressive"],
    "padding before the end": lambda data: data[:-2] + bytes(7) + END,
    "fill bytes before the end": lambda data: data[:-2] + b"\xff\xff" + END,
    "bytes between segments": lambda data: before_the_second(data, b"abcd"),
    "a restart marker between segments": lambda data: before_the_second(data, b"\xff\xd0"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("harm", HARMLESS)
def test_harmless_bytes_cost_no_pixel(kind: str, harm: str, capfd: pytest.CaptureFixture[str]):
    data = KINDS[kind]

    photo = decode_photo(HARMLESS[harm](data), "a.jpg")

    np.testing.assert_array_equal(photo, decode_photo(data, "a.jpg"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["baseline", "fitted tables", "restart markers", "grey"])
def test_only_the_end_marker_may_be_missing(kind: str):
    data = KINDS[kind]

    photo = decode_photo(data[:-2], "a.jpg")

    np.testing.assert_array_equal(photo, decode_photo(data, "a.jpg"))
    with pytest.raises(InputError, match="is damaged"):
        decode_photo(data[:-6], "a.jpg")


@pytest.mark.parametrize(
    ("usual", "other"),
    [
        (b"JFIF\0\1\1", b"JFIF\0\5\0"),
        (b"\x03\x11\x00\x3f\x00", b"\x03\x11\x00\x00\x00"),  # of a panorama
    ],
    ids=["version", "coefficients"],
)
def test_a_header_with_unusual_values_costs_no_pixel(usual: bytes, other: bytes):
    data = KINDS["baseline"]
    assert data.count(usual) == 1

    photo = decode_photo(data.replace(usual, other), "a.jpg")

    np.testing.assert_array_equal(photo, decode_photo(data, "a.jpg"))


def test_an_even_area_may_be_a_row_of_zeros():
    image = Image.new("RGB", (4000, 800), "white")
    image.paste(IMAGE, (100, 100))
    data = encoded(image, "JPEG", optimize=True)
    assert bytes(128) in data

    assert not has_hole(data)
    assert decode_photo(data, "a.jpg")[0].min() > 250


@pytest.mark.parametrize("kind", ["baseline", "progressive", "restart markers", "thumbnail"])
def test_zeros_in_the_middle_are_a_hole_however_the_decoder_takes_them(kind: str):
    data = KINDS[kind]
    at = len(data) - 900

    assert has_hole(data[:at] + bytes(200) + data[at + 200 :])
    assert not has_hole(data)
    assert not has_hole(data + bytes(200))


def test_what_needs_no_mending_stays_as_it_is():
    for data in KINDS.values():
        assert mended(data) == data
    short = re.sub(rb"\xff\xd9$", b"", KINDS["baseline"])
    assert mended(short) == KINDS["baseline"]

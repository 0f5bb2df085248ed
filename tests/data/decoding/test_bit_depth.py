import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from data.decoding.bit_depth import num_bits, to_eight_bits
from data.images import decode_photo
from tests.data.decoding.pictures import encoded, ramp, smooth

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16, 24])
def test_a_photo_is_scaled_by_the_bits_that_it_has(bits: int):
    values = RNG.integers(0, 2**bits, (60, 70), np.int32)
    values[0, 0] = 2**bits - 1

    assert num_bits(values) == bits
    np.testing.assert_array_equal(to_eight_bits(values), values >> (bits - 8))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_eight_bits_moved_up_within_fewer_than_sixteen_are_the_eight(bits: int):
    eight = smooth(60, 70)
    eight[0, 0] = 255

    np.testing.assert_array_equal(to_eight_bits(eight.astype(np.uint16) << (bits - 8)), eight)


@pytest.mark.parametrize("factor", [257, 16, 64])
def test_a_dark_photo_of_sixteen_bits_stays_dark(factor: int):
    values = (RNG.integers(0, 3000 // factor, (60, 70)) * factor).astype(np.uint16)

    assert num_bits(values) == 16
    assert num_bits(values + np.uint16(1)) in (10, 12)


def test_what_a_file_says_counts_unless_a_value_is_above_it():
    values = RNG.integers(0, 900, (60, 70), np.uint16)

    assert num_bits(values) == 10
    assert num_bits(values, 12) == 12
    assert num_bits(values, 16) == 16
    assert num_bits(values, 9) == 10


def test_nothing_and_negative_values_are_black():
    assert not to_eight_bits(np.zeros((3, 4), np.uint16)).any()
    assert not to_eight_bits(np.full((3, 4), -5, np.int32)).any()


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_files_of_fewer_bits_are_the_photo_of_eight(suffix: str, bits: int, channels: int):
    eight = np.dstack([ramp(40, 50), np.full((40, 50), 255, np.uint8)])[..., :channels]
    deep = eight.astype(np.uint16) << (bits - 8)
    if channels == 4:
        deep[..., 3] = 2**bits - 1
    _, data = cv2.imencode(suffix, deep)

    photo = decode_photo(data.tobytes(), "a")

    expected = eight[..., 2::-1] if channels > 1 else eight.repeat(3, 2)
    np.testing.assert_array_equal(photo, expected)


def test_transparency_of_sixteen_bits_is_laid_on_white():
    deep = np.zeros((10, 12, 4), np.uint16)
    deep[:, 6:, 3] = 65535
    deep[0, 0, 0] = 65535
    _, data = cv2.imencode(".png", deep)

    photo = decode_photo(data.tobytes(), "a")

    assert (photo[:, :6] == 255).all()
    assert not photo[:, 6:].any()


@pytest.mark.parametrize("largest", [255, 65535])
def test_thirty_two_bits_are_scaled_by_their_largest_value(largest: int):
    values = np.linspace(0, largest, 60 * 70).reshape(60, 70).astype(np.int32)
    data = encoded(Image.fromarray(values), "TIFF")

    photo = decode_photo(data, "a")

    np.testing.assert_allclose(photo[..., 0], values * 255 / largest, atol=1)


def test_a_tiff_says_its_largest_value():
    values = RNG.integers(0, 900, (60, 70), np.uint16)
    image = Image.fromarray(values)

    photo = decode_photo(encoded(image, "TIFF", tiffinfo={281: 4095}), "a")

    np.testing.assert_array_equal(photo[..., 0], values >> 4)


def test_zero_may_be_white():
    values = RNG.integers(0, 2**16, (60, 70), np.uint16)

    photo = decode_photo(encoded(Image.fromarray(values), "TIFF", tiffinfo={262: 0}), "a")

    np.testing.assert_array_equal(photo[..., 0], 255 - (values >> 8))


def test_a_png_says_that_all_of_its_bits_count():
    values = RNG.integers(0, 3000, (60, 70), np.uint16)
    data = encoded(Image.fromarray(values), "PNG")
    said = b"\0\0\0\1sBIT\x10\xf5\x66\xc3\xcf"
    at = data.index(b"IDAT") - 4

    photo = decode_photo(data[:at] + said + data[at:], "a")

    np.testing.assert_array_equal(photo[..., 0], values >> 8)
    assert decode_photo(data, "a").max() > 150


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_deep_photos_are_turned(orientation: int, format_: str):
    values = (ramp(20, 30)[..., 0].astype(np.uint16) << 8) + 255
    image = Image.fromarray(values)
    exif = Image.Exif()
    exif[0x112] = orientation

    photo = decode_photo(encoded(image, format_, exif=exif), "a")

    np.testing.assert_array_equal(
        photo[..., 0], np.rot90(values >> 8, 2 if orientation == 3 else 3)
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_deep_colours_are_turned_once(orientation: int, suffix: str):
    eight = ramp(20, 30)
    exif = Image.Exif()
    exif[0x112] = orientation
    if suffix == ".png":
        _, made = cv2.imencode(suffix, (eight.astype(np.uint16) << 8)[..., ::-1])
        data = made.tobytes()
        at = data.index(b"IDAT") - 4
        chunk = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
        length, crc = (len(chunk) - 4).to_bytes(4), zlib.crc32(chunk).to_bytes(4)
        data = data[:at] + length + chunk + crc + data[at:]
    else:
        file = BytesIO()
        tag = (274, "H", 1, orientation, True)
        tifffile.imwrite(file, eight.astype(np.uint16) << 8, photometric="rgb", extratags=[tag])
        data = file.getvalue()
    upright = Image.fromarray(eight)
    upright.getexif()[0x112] = orientation

    photo = decode_photo(data, "a")

    np.testing.assert_array_equal(photo, np.asarray(ImageOps.exif_transpose(upright)))

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from data.encoding import FORMATS, PNG, encode_picture
from data.photo_metadata import Metadata
from tests.builders import shaded_photo

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def rgba() -> np.ndarray:
    alpha = np.zeros((40, 60), np.uint8)
    alpha[10:30, 10:40] = 255
    alpha[9, 10:40] = 77
    return np.dstack([cv2.GaussianBlur(shaded_photo((40, 60)), (0, 0), 3), alpha])


def reopened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.has_alpha])
def test_transparency_comes_back(name: str):
    pixels = rgba()

    found = np.asarray(reopened(encode_picture(pixels, FORMATS[name])).convert("RGBA"))

    most = 0 if FORMATS[name].quality is None else 12
    assert np.abs(found[..., 3].astype(int) - pixels[..., 3]).max() <= most
    assert np.abs(found[..., :3].astype(int) - pixels[..., :3]).mean() <= most / 3


@pytest.mark.parametrize("name", FORMATS)
def test_pictures_without_transparency_come_back_with_their_metadata(name: str):
    exif = Image.Exif()
    exif[272] = "A camera"
    metadata = Metadata(exif.tobytes().removeprefix(b"Exif\0\0"), SRGB)
    pixels = np.ascontiguousarray(rgba()[..., :3])

    found = reopened(encode_picture(pixels, FORMATS[name], metadata=metadata))

    assert found.mode == "RGB"
    assert np.abs(np.asarray(found).astype(int) - pixels).mean() < 3
    assert found.getexif()[272] == "A camera"
    assert found.info["icc_profile"] == SRGB


def test_grey_and_sixteen_bits_are_exact_in_png():
    grey = rgba()[..., 3]
    deep = np.random.default_rng(0).integers(0, 65536, (9, 7, 4), np.uint16)

    np.testing.assert_array_equal(np.asarray(reopened(encode_picture(grey, PNG))), grey)
    found = cv2.imdecode(np.frombuffer(encode_picture(deep, PNG), np.uint8), -1)
    np.testing.assert_array_equal(found[..., [2, 1, 0, 3]], deep)


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.quality])
def test_a_higher_quality_is_nearer_to_the_picture(name: str):
    pixels = shaded_photo((64, 96))

    files = [encode_picture(pixels, FORMATS[name], quality) for quality in (10, 60, 95)]

    errors = [
        np.abs(np.asarray(reopened(file).convert("RGB")).astype(int) - pixels).mean()
        for file in files
    ]
    assert errors == sorted(errors, reverse=True)
    assert len(files[0]) < len(files[2])


def test_what_a_format_cannot_hold_is_a_wrong_call():
    jpg, webp = FORMATS["jpg"], FORMATS["webp"]
    with pytest.raises(ValueError, match="jpg does not hold 4 channels"):
        encode_picture(rgba(), jpg)
    with pytest.raises(ValueError, match="webp does not hold uint16"):
        encode_picture(rgba().astype(np.uint16), webp)
    with pytest.raises(ValueError, match="webp holds 16383 pixels a side"):
        encode_picture(np.zeros((1, 16_384, 3), np.uint8), webp)
    with pytest.raises(ValueError, match="png has no quality 90"):
        encode_picture(rgba(), PNG, 90)
    with pytest.raises(ValueError, match="jpg has no quality 101"):
        encode_picture(rgba()[..., :3], jpg, 101)

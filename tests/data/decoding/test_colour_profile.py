import threading

import numpy as np
import pytest
from PIL import Image, ImageCms

from data.decoding.colour_profile import SPACE_AT, transform_of
from data.images import decode_photo
from tests.data.decoding.pictures import encoded, ramp, smooth

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def with_primaries(order: str) -> bytes:
    """The profile of sRGB with its channels in another order."""
    data, places = bytearray(SRGB), {}
    for i in range(int.from_bytes(data[128:132])):
        tag = data[132 + 12 * i :][:12]
        places[bytes(tag[:4])] = 132 + 12 * i
    entries = {kind: bytes(data[at + 4 : at + 12]) for kind, at in places.items()}
    for kind, other in zip("rgb", order, strict=True):
        at = places[kind.encode() + b"XYZ"]
        data[at + 4 : at + 12] = entries[other.encode() + b"XYZ"]
    return bytes(data)


SWAPPED = with_primaries("bgr")


def grey_profile(gamma: float) -> bytes:
    """A profile of greys."""

    def padded(data: bytes) -> bytes:
        return data + bytes(-len(data) % 4)

    white = b"XYZ \0\0\0\0" + b"".join(round(x * 65536).to_bytes(4) for x in (0.9642, 1.0, 0.8249))
    curve = padded(b"curv\0\0\0\0\0\0\0\1" + round(gamma * 256).to_bytes(2))
    start = 128 + 4 + 2 * 12
    table = (2).to_bytes(4) + b"wtpt" + start.to_bytes(4) + len(white).to_bytes(4)
    table += b"kTRC" + (start + len(white)).to_bytes(4) + (14).to_bytes(4)
    header = bytearray(128)
    header[:4] = (start + len(white) + len(curve)).to_bytes(4)
    header[8:12] = b"\2\x10\0\0"
    header[12:24] = b"mntrGRAYXYZ "
    header[36:40] = b"acsp"
    header[68:80] = white[8:]
    return bytes(header) + table + white + curve


PHOTO = ramp(60, 80)

OPTIONS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "WEBP", "JPEG", "AVIF"])
def test_colours_are_what_the_profile_says(format_: str):
    image = Image.fromarray(smooth(60, 80, 3))
    options = OPTIONS.get(format_, {})
    plain = decode_photo(encoded(image, format_, **options), "a")

    photo = decode_photo(encoded(image, format_, **options, icc_profile=SWAPPED), "a")

    assert np.abs(photo.astype(int) - plain[..., ::-1]).max() <= 3
    assert np.abs(photo.astype(int) - plain).max() > 20


@pytest.mark.parametrize("mode", ["P", "RGBA"])
def test_colours_of_palettes_and_below_transparency_are_converted(mode: str):
    image = Image.fromarray(PHOTO).quantize(64) if mode == "P" else Image.fromarray(PHOTO)
    image = image.convert(mode)

    photo = decode_photo(encoded(image, "PNG", icc_profile=SWAPPED), "a")

    rgb = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(photo - rgb[..., ::-1]).max() <= 2


def test_a_strip_is_converted_as_the_whole(monkeypatch: pytest.MonkeyPatch):
    data = encoded(Image.fromarray(PHOTO), "JPEG", icc_profile=SWAPPED)
    whole = decode_photo(data, "a")

    for module in ("colour_profile.ROWS_OF", "rgb_strips.STRIP"):
        monkeypatch.setattr(f"data.decoding.{module}", 7 * 80)

    np.testing.assert_array_equal(decode_photo(data, "a"), whole)


def test_srgb_and_damaged_profiles_change_nothing():
    plain = decode_photo(encoded(Image.fromarray(PHOTO), "JPEG"), "a")

    for profile in (
        SRGB,
        SWAPPED[:200],
        SWAPPED[:90],
        b"nonsense",
        SRGB[:16] + b"CMYK" + SRGB[20:],
    ):
        photo = decode_photo(encoded(Image.fromarray(PHOTO), "JPEG", icc_profile=profile), "a")

        np.testing.assert_array_equal(photo, plain)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_greys_are_what_their_profile_says(mode: str):
    image = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert(mode)

    photo = decode_photo(encoded(image, "PNG", icc_profile=grey_profile(1.5)), "a")

    linear = (np.arange(256).reshape(16, 16) / 255) ** 1.5
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(photo[..., 0], srgb * 255, atol=2)


def test_a_profile_of_greys_is_none_of_colours():
    data = encoded(Image.fromarray(PHOTO), "PNG", icc_profile=grey_profile(1.0))

    np.testing.assert_array_equal(decode_photo(data, "a"), PHOTO)


def test_the_transform_of_a_profile_is_made_once():
    assert SWAPPED[SPACE_AT] == b"RGB "
    assert transform_of(SWAPPED, "RGB") is transform_of(bytes(bytearray(SWAPPED)), "RGB")
    assert transform_of(SRGB, "RGB") is None


def test_lab_is_converted():
    image = ImageCms.profileToProfile(
        Image.fromarray(PHOTO), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )  # fmt: skip
    assert image is not None

    photo = decode_photo(encoded(image, "TIFF"), "a")

    assert np.abs(photo.astype(int) - PHOTO).mean() < 4


def test_threads_share_a_transform():
    data = encoded(Image.fromarray(PHOTO), "PNG", icc_profile=SWAPPED)
    whole, same = decode_photo(data, "a"), []

    def work() -> None:
        same.extend(np.array_equal(decode_photo(data, "a"), whole) for _ in range(30))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert same == [True] * 120

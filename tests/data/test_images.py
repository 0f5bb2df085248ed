from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from data.arrays import Pixels
from data.images import (
    PHOTO_SUFFIXES,
    decode_photo,
    decode_size,
    encode_png,
    opened,
    read_photo,
    read_size,
    write_png,
)

SHAPE = (24, 31, 3)

WRITTEN = [suffix for suffix in PHOTO_SUFFIXES if suffix not in (".heic", ".heif")]
"""Of HEIC nothing is written here: its package is an extra."""


def smooth(*shape: int) -> Pixels:
    """Colours that JPEG keeps well."""
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (9, 9), 3), np.uint8)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def on_white(rgba: Pixels) -> NDArray[np.float64]:
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize("suffix", WRITTEN)
def test_every_format_is_read_as_rgb(tmp_path: Path, suffix: str):
    pixels = smooth(*SHAPE)
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(pixels), quality=95)

    photo = read_photo(path)

    assert photo.dtype == np.uint8
    assert read_size(path) == photo.shape[:2] == SHAPE[:2]
    lossless = suffix in (".png", ".tif", ".tiff", ".bmp")
    np.testing.assert_allclose(photo.astype(int), pixels, atol=0 if lossless else 32)
    assert np.abs(photo.astype(int) - pixels).mean() < 4


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_has_the_pixels_that_every_decoder_gives_it(
    tmp_path: Path, mode: str, subsampling: int
):
    image = Image.fromarray(smooth(45, 61, 3)).convert(mode)
    path = saved(tmp_path / "a.jpg", image, quality=90, subsampling=subsampling)

    photo = read_photo(path)

    with Image.open(path) as by_pillow:
        np.testing.assert_array_equal(photo, np.asarray(by_pillow.convert("RGB")))
    by_opencv = cv2.imread(str(path))
    assert by_opencv is not None
    np.testing.assert_array_equal(photo, by_opencv[..., ::-1])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_photos_are_turned_upright(tmp_path: Path, suffix: str, orientation: int):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(smooth(*SHAPE)), exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))

    photo = read_photo(path)

    np.testing.assert_array_equal(photo, expected)
    assert photo.shape[:2] == (SHAPE[:2] if orientation < 5 else SHAPE[1::-1])
    assert read_size(path) == photo.shape[:2]
    assert photo.flags.c_contiguous  # torch takes no negative strides


def test_orientation_may_stand_in_xmp_alone(tmp_path: Path):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
    path = saved(tmp_path / "a.jpg", Image.fromarray(smooth(*SHAPE)), xmp=xmp)

    photo = read_photo(path)

    assert photo.shape[:2] == SHAPE[1::-1]
    assert read_size(path) == photo.shape[:2]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_damaged_exif_data_does_not_cost_the_photo(tmp_path: Path, suffix: str, exif: bytes):
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(smooth(*SHAPE)), exif=exif)

    assert read_photo(path).shape == SHAPE
    assert read_size(path) == SHAPE[:2]


@pytest.mark.parametrize("value", [0, 9, 1000])
def test_an_orientation_that_there_is_not_is_upright(tmp_path: Path, value: int):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = value
    path = saved(tmp_path / "a.jpg", Image.fromarray(smooth(*SHAPE)), exif=exif)

    assert read_photo(path).shape == SHAPE
    assert read_size(path) == SHAPE[:2]


@pytest.mark.parametrize(
    ("mode", "name"),
    [(mode, f"a{suffix}") for mode in ("L", "1", "P") for suffix in (".png", ".tif", ".bmp")]
    + [("L", "a.jpg"), ("1", "a.jpg")],
)
def test_grey_and_palettes_become_rgb(tmp_path: Path, name: str, mode: str):
    image = Image.fromarray(smooth(*SHAPE)).convert(mode)
    path = saved(tmp_path / name, image, quality=100)

    photo = read_photo(path)

    atol = 24 if name == "a.jpg" else 0
    expected = np.asarray(image.convert("RGB")).astype(int)
    np.testing.assert_allclose(photo.astype(int), expected, atol=atol)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_transparency_is_laid_on_white(tmp_path: Path, mode: str, suffix: str):
    rgba = np.dstack([smooth(*SHAPE), np.linspace(0, 255, 24 * 31).reshape(24, 31)])
    image = Image.fromarray(rgba.astype(np.uint8)).convert(mode)
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    path = saved(tmp_path / f"a{suffix}", image, **options)

    photo = read_photo(path)

    expected = on_white(np.asarray(image.convert("RGBA")))
    np.testing.assert_allclose(photo, expected, atol=1)
    assert (photo[0, 0] == 255).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_a_transparent_colour_is_white(tmp_path: Path, mode: str):
    image = Image.new(mode, (6, 4), 0)
    image.paste(image.getpixel((0, 0)) if mode == "P" else "red", (0, 0, 3, 4))
    key = {"RGB": (0, 0, 0), "L": 0, "P": bytes([0, 128])}[mode]
    path = saved(tmp_path / "a.png", image, transparency=key)

    photo = read_photo(path)

    assert (photo[:, 3:] == 255).all()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("shape", [(10, 12), (10, 12, 3)])
def test_sixteen_bits_become_the_upper_eight(tmp_path: Path, suffix: str, shape: tuple[int, ...]):
    wide = np.random.default_rng(0).integers(0, 2**16, shape, np.uint16)
    assert cv2.imwrite(str(tmp_path / f"a{suffix}"), wide)

    photo = read_photo(tmp_path / f"a{suffix}")

    rgb = wide[..., ::-1] if wide.ndim == 3 else wide[..., None].repeat(3, 2)
    np.testing.assert_array_equal(photo, rgb >> 8)


def test_cmyk_is_converted(tmp_path: Path):
    pixels = smooth(*SHAPE)
    image = Image.fromarray(pixels).convert("CMYK")
    path = saved(tmp_path / "a.jpg", image, quality=100)

    np.testing.assert_allclose(read_photo(path).astype(int), pixels, atol=16)


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
def test_a_png_is_read_as_it_was_written(tmp_path: Path, shape: tuple[int, ...]):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    write_png(tmp_path / "a.png", pixels)

    rgb = pixels if pixels.ndim == 3 else pixels[..., None].repeat(3, 2)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), rgb)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("suffix", WRITTEN)
def test_bytes_are_decoded_as_the_file_is(tmp_path: Path, suffix: str):
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(smooth(*SHAPE)))

    photo = decode_photo(path.read_bytes(), "a")

    np.testing.assert_array_equal(photo, read_photo(path))
    assert decode_size(path.read_bytes(), "a") == read_size(path) == SHAPE[:2]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_photo_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str):
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(smooth(*SHAPE)))
    open_, times = Path.open, []

    def counting(self: Path, mode: str) -> object:
        times.append(self)
        return open_(self, mode)

    monkeypatch.setattr(Path, "open", counting)

    read_photo(path)

    assert times == [path]


def test_of_a_photo_only_the_header_is_read_for_its_size(tmp_path: Path):
    path = saved(tmp_path / "a.jpg", Image.fromarray(smooth(400, 600, 3)), quality=100)
    size = path.stat().st_size

    with opened(path) as image:
        position = image.fp.tell() if image.fp else size

    assert size > 100_000
    assert position < 10_000
    assert read_size(path) == (400, 600)


def test_of_several_pictures_in_a_file_the_first_is_the_photo(tmp_path: Path):
    first, second = (Image.fromarray(smooth(*shape)) for shape in (SHAPE, (50, 40, 3)))
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second], quality=90)
    saved(tmp_path / "b.jpg", first, quality=90)

    photo = read_photo(tmp_path / "a.jpg")

    np.testing.assert_array_equal(photo, read_photo(tmp_path / "b.jpg"))


def test_any_length_of_a_webp_file_may_stand_in_its_beginning(tmp_path: Path):
    image, path = Image.fromarray(smooth(*SHAPE)), tmp_path / "a.webp"
    lengths = (saved(path, image, xmp=bytes(n)).read_bytes()[4:8] for n in range(1, 600))
    assert any(b"\n" in length for length in lengths)  # a line feed, as a regular expression has it

    assert read_photo(path).shape == SHAPE


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
def test_what_is_encoded_is_what_is_written(tmp_path: Path, shape: tuple[int, ...]):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    data = encode_png(pixels)

    write_png(tmp_path / "a.png", pixels)
    assert data == (tmp_path / "a.png").read_bytes()
    with Image.open(BytesIO(data)) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)

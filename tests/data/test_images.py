import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from data.errors import InputError
from data.files import replacing
from data.images import PHOTO_SUFFIXES, read_photo, read_size, write_png

Pixels = NDArray[np.uint8]

SHAPE = (24, 31, 3)


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


@pytest.fixture
def umask() -> Iterator[Callable[[int], None]]:
    before = os.umask(0o022)

    def choose(mask: int) -> None:
        os.umask(mask)

    yield choose
    os.umask(before)


@pytest.mark.parametrize("suffix", PHOTO_SUFFIXES)
def test_every_format_is_read_as_rgb(tmp_path: Path, suffix: str):
    pixels = smooth(*SHAPE)
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(pixels), quality=95)

    photo = read_photo(path)

    assert photo.dtype == np.uint8
    assert read_size(path) == photo.shape[:2] == SHAPE[:2]
    lossy = suffix in (".jpg", ".jpeg", ".webp")
    np.testing.assert_allclose(photo.astype(int), pixels, atol=24 if lossy else 0)
    assert np.abs(photo.astype(int) - pixels).mean() < 4


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_both_jpeg_decoders_give_the_same(tmp_path: Path, mode: str, subsampling: int):
    image = Image.fromarray(smooth(45, 61, 3)).convert(mode)
    path = saved(tmp_path / "a.jpg", image, quality=90, subsampling=subsampling)
    fast = read_photo(path)

    path.write_bytes(path.read_bytes() + b"\0")  # is no longer known to be whole

    np.testing.assert_array_equal(read_photo(path), fast)


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


def test_floating_point_pixels_are_refused(tmp_path: Path):
    path = saved(tmp_path / "a.tif", Image.fromarray(np.zeros((4, 5), np.float32)))

    with pytest.raises(InputError, match=r"^\S+/a\.tif has floating-point pixels; save it with 8"):
        read_photo(path)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_photo_that_is_cut_off_is_refused(tmp_path: Path, suffix: str, share: float):
    path = saved(tmp_path / f"cut{suffix}", Image.fromarray(smooth(200, 300, 3)))
    data = path.read_bytes()

    path.write_bytes(data[: int(len(data) * share)])

    with pytest.raises(InputError, match=rf"cut{suffix} is (damaged|not an image)"):
        read_photo(path)


def test_a_jpeg_that_is_cut_off_never_gets_to_cv2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Not all versions of it refuse such a file; some make the rest grey.
    monkeypatch.setattr(cv2, "imdecode", lambda data, how: np.zeros((200, 300, 3), np.uint8))
    path = saved(tmp_path / "cut.jpg", Image.fromarray(smooth(200, 300, 3)))
    assert not read_photo(path).any()

    path.write_bytes(path.read_bytes()[:-2000])

    with pytest.raises(InputError, match=r"cut\.jpg is damaged"):
        read_photo(path)


@pytest.mark.parametrize("read", [read_photo, read_size])
@pytest.mark.parametrize("content", [b"", b"not a picture\n", b"\xff\xd8\xff\xd9"])
def test_what_is_no_image_is_refused(
    tmp_path: Path, content: bytes, read: Callable[[Path], object]
):
    (tmp_path / "note.jpg").write_bytes(content)

    with pytest.raises(InputError, match=r"note\.jpg is (not an image|damaged)"):
        read(tmp_path / "note.jpg")


@pytest.mark.parametrize("read", [read_photo, read_size])
def test_a_folder_with_the_name_of_a_photo_is_refused(
    tmp_path: Path, read: Callable[[Path], object]
):
    (tmp_path / "x.jpg").mkdir()

    with pytest.raises(InputError, match=r"x\.jpg cannot be read: Is a directory"):
        read(tmp_path / "x.jpg")


@pytest.mark.parametrize("read", [read_photo, read_size])
def test_a_photo_that_is_gone_is_an_error_of_the_input(
    tmp_path: Path, read: Callable[[Path], object]
):
    (tmp_path / "x.jpg").symlink_to(tmp_path / "elsewhere.jpg")

    with pytest.raises(InputError, match=r"x\.jpg cannot be read: No such file"):
        read(tmp_path / "x.jpg")


@pytest.mark.parametrize("read", [read_photo, read_size])
@pytest.mark.parametrize("side", [17_000, 40_000])
def test_a_decompression_bomb_is_refused(tmp_path: Path, side: int, read: Callable[[Path], object]):
    (tmp_path / "bomb.png").write_bytes(png_header(side, side))

    with pytest.raises(InputError, match=r"bomb\.png holds too many pixels"):
        read(tmp_path / "bomb.png")


def test_a_bomb_is_refused_whatever_pillow_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "bomb.png").write_bytes(png_header(17_000, 17_000))

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)

    with pytest.raises(InputError, match=r"bomb\.png holds too many pixels: 17000 x 17000"):
        read_size(tmp_path / "bomb.png")


def test_a_hundred_megapixels_are_a_photo(tmp_path: Path):
    path = saved(tmp_path / "a.bmp", Image.new("RGB", (1, 1)))
    data = bytearray(path.read_bytes())
    data[18:26] = struct.pack("<ii", 14_204, 10_652)  # of the largest cameras: 151 megapixels
    path.write_bytes(data)

    assert read_size(path) == (10_652, 14_204)


def png_header(width: int, height: int) -> bytes:
    """A grey PNG whose header promises more than there is."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about what it could mend
@settings(max_examples=60)
@given(st.data(), st.sampled_from([".jpg", ".png", ".bmp", ".webp"]))
def test_a_damaged_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, suffix: str
):
    path = tmp_path_factory.mktemp("damaged") / f"a{suffix}"
    whole = bytearray(saved(path, Image.fromarray(smooth(9, 12, 3))).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)

    photo = None
    with suppress(InputError):
        photo = read_photo(path)

    assert photo is None or (photo.ndim == 3 and photo.dtype == np.uint8)


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
def test_a_png_is_read_as_it_was_written(tmp_path: Path, shape: tuple[int, ...]):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    write_png(tmp_path / "a.png", pixels)

    rgb = pixels if pixels.ndim == 3 else pixels[..., None].repeat(3, 2)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), rgb)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_block_that_ends_well_replaces_the_file(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    with replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
        assert partial.parent == path.parent  # a rename across disks would not be atomic

    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_block_that_raises_leaves_everything_as_it_was(
    tmp_path: Path, error: type[BaseException]
):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with replacing(path) as partial:
            partial.write_text("half of the n")
            raise error

    with pytest.raises(error):
        write()

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path):
    path = tmp_path / "a.txt"

    with replacing(path) as one, replacing(path) as other:
        one.write_text("one")
        other.write_text("other")
        assert one != other

    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_as_the_umask_says(
    tmp_path: Path, umask: Callable[[int], None], mask: int, mode: int
):
    umask(mask)

    write_png(tmp_path / "a.png", np.zeros((2, 2), np.uint8))

    assert (tmp_path / "a.png").stat().st_mode & 0o777 == mode


def test_writing_never_changes_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # It belongs to the process: a thread that sets it, if only to read it, sets it for all.
    def refused(mask: int) -> int:
        raise AssertionError("os.umask was called")

    monkeypatch.setattr(os, "umask", refused)

    with replacing(tmp_path / "a.txt") as partial:
        partial.write_text("text")

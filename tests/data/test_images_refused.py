"""What `data.images` does not decode, and what it says of it."""

import struct
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data.arrays import Pixels
from data.errors import InputError
from data.images import (
    MAX_PIXELS,
    decode_photo,
    decode_size,
    opened,
    read_photo,
    read_size,
)
from data.masks import read_mask

EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 30 20
%%EndComments
(a program) print
"""


def smooth(*shape: int) -> Pixels:
    """Colours that JPEG keeps well."""
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (9, 9), 3), np.uint8)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


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


@pytest.mark.parametrize("read", [read_photo, read_size, read_mask])
@pytest.mark.parametrize("name", ["car.jpg", "car.png", "car.eps"])
def test_a_program_called_a_photo_is_refused_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, read: Callable[[Path], object]
):
    from PIL import EpsImagePlugin

    def run(*_: object, **__: object) -> None:
        raise AssertionError("the program was given to the EPS plugin")

    Image.init()  # so that Pillow would know what the file is
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", run)
    monkeypatch.setattr(EpsImagePlugin.EpsImageFile, "_open", run)
    (tmp_path / name).write_bytes(EPS)

    with pytest.raises(InputError) as caught:
        read(tmp_path / name)

    what = "it is a PostScript file (EPS); export it as JPEG, PNG or TIFF"
    assert str(caught.value) == f"{tmp_path / name} is not an image: {what}"


def test_messages_call_bytes_what_they_are_told_to():
    with pytest.raises(InputError, match=r"^the third photo is not an image"):
        decode_photo(b"nothing", "the third photo")
    with pytest.raises(InputError, match=r"^the third photo holds too many pixels: 40000 x 40000"):
        decode_size(png_header(40_000, 40_000), "the third photo")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".bmp", ".gif"])
def test_the_most_pixels_of_a_photo_can_be_chosen(tmp_path: Path, suffix: str):
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(smooth(24, 31, 3)))
    data = path.read_bytes()

    assert decode_photo(data, "a", max_pixels=24 * 31).shape == (24, 31, 3)
    assert read_size(path, max_pixels=24 * 31) == decode_size(data, "a") == (24, 31)
    for read in (read_photo, read_size):
        with pytest.raises(InputError, match=rf"a{suffix} holds too many pixels: 31 x 24"):
            read(path, max_pixels=24 * 31 - 1)


def test_reading_leaves_the_limit_of_pillow_as_it_was(tmp_path: Path):
    path = saved(tmp_path / "a.png", Image.fromarray(smooth(24, 31, 3)))
    before = Image.MAX_IMAGE_PIXELS
    inside = []

    read_photo(path)
    with opened(path):
        inside.append(Image.MAX_IMAGE_PIXELS)

    assert [Image.MAX_IMAGE_PIXELS, *inside] == [before, before]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".gif"])
def test_a_low_limit_of_the_process_is_not_that_of_a_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
):
    # Neither its warnings, errors here, nor its errors: those of photos of 89 and 179 megapixels.
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(smooth(24, 31, 3)))

    for limit in (24 * 31 - 1, 10):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)

        assert read_photo(path).shape == (24, 31, 3)
        assert read_size(path) == (24, 31)


def test_two_limits_at_once_are_each_heeded(tmp_path: Path):
    path = saved(tmp_path / "a.png", Image.fromarray(smooth(24, 31, 3)))
    results: list[bool] = []

    def work(limit: int) -> None:
        for _ in range(50):
            try:
                read_photo(path, limit)
            except InputError:
                results.append(limit < 24 * 31)
            else:
                results.append(limit >= 24 * 31)

    threads = [threading.Thread(target=work, args=[limit]) for limit in (10, MAX_PIXELS) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [True] * 200

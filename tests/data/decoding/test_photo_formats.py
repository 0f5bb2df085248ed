"""What a file is that is no photo, whatever its name."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from data.errors import InputError
from data.images import read_photo, read_size
from data.masks import read_mask
from tests.data.decoding.pictures import smooth


@pytest.mark.parametrize("format_", ["DDS", "ICO", "PPM", "TGA", "PCX", "ICNS", "JPEG2000"])
@pytest.mark.parametrize("read", [read_photo, read_size, read_mask])
def test_another_format_under_the_name_of_a_photo_is_refused(
    tmp_path: Path, format_: str, read: Callable[[Path], object]
):
    path = tmp_path / "car.jpg"
    try:
        Image.fromarray(smooth(32, 32, 3)).save(path, format=format_)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow cannot write {format_}")

    with pytest.raises(InputError, match=r"^\S+/car\.jpg is not an image: .*$"):
        read(path)


@pytest.mark.parametrize(
    ("beginning", "what"),
    [
        (b"%PDF-1.7\n", "a PDF file"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"\xff\x0a\xfa", "a JPEG XL picture"),
        (b"\0\0\0\x0cJXL \r\n", "a JPEG XL picture"),
        (b"\0\0\0\x0cjP  \r\n", "a JPEG 2000 picture"),
        (b"\0\0\0\x20ftypisom", "a video"),
        (b"\0\0\0\x18ftypcrx ", "a raw photo of a camera"),
        (b"II*\0\x10\0\0\0CR\2\0", "a raw photo of a camera"),
        (b"\n <svg xmlns=", "an SVG drawing"),
        (b"<?xml version='1.0'?>\n<!-- a drawing -->\n<svg xmlns=", "an SVG drawing"),
        (b"<?xml version='1.0'?><Error>", "an XML file"),
        (b"<!DOCTYPE html><title>404", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        (b"PK\3\4", "an archive"),
        (bytes(500), "a file of zeros"),
        (b"\xff\xd8", "the beginning of a JPEG"),
    ],
)
def test_what_is_no_image_is_named(tmp_path: Path, beginning: bytes, what: str):
    (tmp_path / "car.jpg").write_bytes(beginning)

    with pytest.raises(InputError, match=rf"^\S+/car\.jpg is not an image: it is {what}"):
        read_photo(tmp_path / "car.jpg")


def test_an_empty_file_is_named(tmp_path: Path):
    (tmp_path / "car.jpg").touch()

    with pytest.raises(
        InputError, match=r"car\.jpg is not an image: the file is empty; get it again"
    ):
        read_photo(tmp_path / "car.jpg")


@pytest.mark.parametrize("tags", [{50706: b"\1\4\0\0"}, {254: 1, 330: 8}], ids=["DNG", "NEF"])
def test_a_raw_photo_that_is_a_tiff_is_not_its_preview(
    tmp_path: Path, tags: dict[int, int | bytes]
):
    path = tmp_path / "car.tif"
    Image.fromarray(smooth(24, 31, 3)).save(path, tiffinfo=tags)

    for read in (read_photo, read_size):
        with pytest.raises(InputError, match=r"car\.tif is not an image: it is a raw photo of"):
            read(path)


def test_a_sound_is_no_webp_photo(tmp_path: Path):
    (tmp_path / "a.webp").write_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(99))

    with pytest.raises(InputError, match="is not an image:"):
        read_photo(tmp_path / "a.webp")

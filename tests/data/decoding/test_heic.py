"""HEIC is read where its package is installed, and named where it is not."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from data.errors import InputError
from data.images import read_photo, read_size
from tests.data.decoding.pictures import encoded, ramp

BRANDS = [b"heic\0\0\0\0mif1", b"mif1\0\0\0\0mif1heic", b"msf1\0\0\0\0hevc"]


@pytest.mark.parametrize("brands", BRANDS)
def test_without_the_package_a_photo_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, brands: bytes
):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x18ftyp" + brands + bytes(40))

    for read in (read_photo, read_size):
        with pytest.raises(
            InputError,
            match=r"a\.jpg is a HEIC photo.*; save it as JPEG or PNG, or .*foveamask\[heic\]\"$",
        ):
            read(tmp_path / "a.jpg")


def test_with_the_package_its_reader_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Reader(PngImageFile):
        """Reads the PNG behind the first bytes of a HEIC file."""

        def _open(self) -> None:
            assert self.fp is not None
            self.fp.read(24)
            super()._open()

    package = ModuleType("pillow_heif")
    package.HeifImageFile = Reader  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pillow_heif", package)
    data = encoded(Image.fromarray(ramp(20, 30)), "PNG")
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + data)

    photo = read_photo(tmp_path / "a.heic")

    np.testing.assert_array_equal(photo, ramp(20, 30))


@pytest.mark.parametrize("brands", [b"mif1\0\0\0\0mif1avif", b"avif\0\0\0\0mif1miaf"])
def test_avif_is_told_from_heic_by_all_its_brands(tmp_path: Path, brands: bytes):
    data = bytearray(encoded(Image.fromarray(ramp(20, 30)), "AVIF"))
    data[8 : 8 + len(brands)] = brands
    (tmp_path / "a.jpg").write_bytes(data)

    assert read_photo(tmp_path / "a.jpg").shape == (20, 30, 3)

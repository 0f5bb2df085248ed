"""How much memory decoding takes, and what is said where there is too little."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from data import images
from data.errors import InputError
from data.images import decode_photo, read_size
from data.memory import BYTES_A_PIXEL
from tests.data.decoding.pictures import encoded

SIDE = 3000

PEAK = """
import resource, sys
from data.images import read_photo
read_photo(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_photo(sys.argv[2])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.parametrize(
    ("mode", "format_", "most"),
    [("RGBA", "PNG", 10), ("LA", "PNG", 10), ("L", "PNG", 7), ("RGBA", "WEBP", BYTES_A_PIXEL)],
)
def test_decoding_takes_few_bytes_a_pixel(tmp_path: Path, mode: str, format_: str, most: int):
    for side in (30, SIDE):
        (tmp_path / f"{side}.{format_}").write_bytes(
            encoded(Image.new(mode, (side, side)), format_)
        )

    done = subprocess.run(
        [sys.executable, "-c", PEAK, tmp_path / f"30.{format_}", tmp_path / f"{SIDE}.{format_}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert int(done.stdout) / SIDE**2 < most


def test_a_photo_that_needs_more_memory_than_there_is_is_refused(monkeypatch: pytest.MonkeyPatch):
    data = encoded(Image.new("RGB", (400, 300)), "PNG")
    monkeypatch.setattr(images, "memory_here", lambda: BYTES_A_PIXEL * 400 * 300 - 1)

    with pytest.raises(
        InputError, match=r"^a\.png has 400 x 300 pixels, for which .* GiB of memory are needed"
    ):
        decode_photo(data, "a.png")

    monkeypatch.setattr(images, "memory_here", lambda: BYTES_A_PIXEL * 400 * 300)
    assert decode_photo(data, "a.png").shape == (300, 400, 3)


def test_a_size_needs_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.png").write_bytes(encoded(Image.new("RGB", (400, 300)), "PNG"))
    monkeypatch.setattr(images, "memory_here", lambda: 1)

    assert read_size(tmp_path / "a.png") == (300, 400)

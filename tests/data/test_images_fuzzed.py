"""Whatever a file holds, it is a photo or an `InputError` of one line."""

import random
import re
import warnings
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from data.errors import InputError
from data.images import decode_photo, decode_size
from data.masks import decode_mask
from tests.data.decoding.pictures import encoded, smooth

IMAGE = Image.fromarray(smooth(24, 32, 3))
DEEP = np.asarray(IMAGE).astype(np.uint16) * 200

FILES = {
    "jpeg": encoded(IMAGE, "JPEG"),
    "progressive": encoded(IMAGE, "JPEG", progressive=True),
    "cmyk": encoded(IMAGE.convert("CMYK"), "JPEG"),
    "png": encoded(IMAGE, "PNG"),
    "palette": encoded(IMAGE.quantize(), "PNG"),
    "png of 16 bits": cv2.imencode(".png", DEEP)[1].tobytes(),
    "tiff": encoded(IMAGE, "TIFF"),
    "tiff of 16 bits": cv2.imencode(".tiff", DEEP)[1].tobytes(),
    "webp": encoded(IMAGE, "WEBP"),
    "bmp": encoded(IMAGE, "BMP"),
    "gif": encoded(IMAGE, "GIF"),
    "avif": encoded(IMAGE, "AVIF"),
}


def damaged(data: bytes, rng: random.Random) -> bytes:
    """`data` with bytes changed, most of them at its beginning, and perhaps cut off."""
    changed = bytearray(data if rng.random() < 0.7 else data[: rng.randrange(1, len(data))])
    for _ in range(rng.randrange(1, 6)):
        end = len(changed) if rng.random() < 0.5 else min(len(changed), 200)
        at = rng.randrange(end)
        changed[at] = rng.choice([0, 255, rng.randrange(256), changed[at] ^ 1 << rng.randrange(8)])
    return bytes(changed)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("decode", [decode_photo, decode_size, decode_mask])
def test_a_file_of_changed_bytes_is_read_or_refused(
    kind: str, decode: Callable[[bytes, str], object]
):
    rng = random.Random(kind)

    said = [refusal(decode, damaged(FILES[kind], rng)) for _ in range(25)]

    assert all(text is None or re.fullmatch(r"a\.jpg .+", text) for text in said)
    assert any(said)


def refusal(decode: Callable[[bytes, str], object], data: bytes) -> str | None:
    """What is said of a file that is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about what it could mend
        try:
            decode(data, "a.jpg")
        except InputError as error:
            return str(error)
    return None


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        KeyError(-1),
        RuntimeError("of two\nlines"),
        OverflowError("x"),
        TypeError("x"),
    ],
)
def test_whatever_a_reader_raises_names_the_file(error: Exception, monkeypatch: pytest.MonkeyPatch):
    def load(_: object) -> None:
        raise error

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)

    with pytest.raises(InputError, match=r"^a\.png is damaged: [^\n]+$"):
        decode_photo(FILES["png"], "a.png")

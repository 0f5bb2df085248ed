import json
import string
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data.encoding import FORMATS, PNG, encode_picture
from data.errors import InputError
from data.images import encode_png
from data.masks import decode_mask, encode_mask
from data.photo_metadata import Metadata
from data.picture_provenance import PictureProvenance, provenance_in
from data.png_extras import text_chunk
from tests.builders import middle_disc, shaded_photo

DETAILS = {"model": "a" * 64, "stage": "refined", "budget": None, "postprocess": ["smooth=3"]}
MADE = PictureProvenance("foveamask 1.2.3", DETAILS)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def encoded(name: str, made: PictureProvenance | None = MADE) -> bytes:
    photo = shaded_photo((40, 60))
    return encode_picture(photo, FORMATS[name], metadata=Metadata(provenance=made))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_how_a_picture_was_made(name: str):
    assert provenance_in(encoded(name), "it") == MADE
    assert provenance_in(encoded(name, None), "it") is None


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_picture_says_changes_no_pixel(name: str):
    with_it, without = (Image.open(BytesIO(encoded(name, made))) for made in (MADE, None))

    np.testing.assert_array_equal(np.asarray(with_it), np.asarray(without))


@pytest.mark.parametrize("name", ["png", "jpg"])
@settings(max_examples=30)
@given(
    details=st.dictionaries(st.text(), values),
    software=st.text(string.ascii_letters + string.digits + " .+<>&'\"", min_size=1),
)
def test_whatever_is_said_comes_back(name: str, details: dict[str, Any], software: str):
    made = PictureProvenance(software, details)
    pixels = np.zeros((2, 3), np.uint8)

    data = encode_picture(pixels, FORMATS[name], metadata=Metadata(provenance=made))

    assert provenance_in(data, "it") == made


def test_a_mask_that_says_how_it_was_made_is_the_same_mask():
    mask = middle_disc()

    data = encode_mask(mask, MADE)

    assert provenance_in(data, "it") == MADE
    np.testing.assert_array_equal(decode_mask(data, "it"), mask)
    # Nothing else of the file is another.
    assert data.replace(MADE.png_chunks(), b"") == encode_mask(mask)
    assert encode_mask(mask) == encode_png(mask * np.uint8(255))


def test_other_programs_find_it_by_the_usual_names():
    png, jpg = (Image.open(BytesIO(encoded(name))) for name in ("png", "jpg"))

    assert png.text["Software"] == MADE.software
    assert json.loads(png.text["foveamask"]) == DETAILS
    assert b'xmp:CreatorTool="foveamask 1.2.3"' in jpg.info["xmp"]


def test_exif_data_and_colour_profile_stay_beside_it():
    exif = Image.Exif()
    exif[272] = "A camera"
    kept = Metadata(exif.tobytes().removeprefix(b"Exif\0\0"), provenance=MADE)

    for form in FORMATS.values():
        data = encode_picture(shaded_photo((40, 60)), form, metadata=kept)

        assert Image.open(BytesIO(data)).getexif()[272] == "A camera"
        assert provenance_in(data, "it") == MADE


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{" * 100_000, '{"a": NaN'])
def test_what_is_no_such_text_counts_as_nothing(text: str):
    said = encode_picture(np.zeros((2, 3), np.uint8), PNG, metadata=Metadata(provenance=MADE))
    damaged = text_chunk("Software", "foveamask") + text_chunk("foveamask", text)

    data = said.replace(MADE.png_chunks(), damaged)

    assert provenance_in(data, "it") is None


def test_what_is_no_picture_is_named():
    with pytest.raises(InputError, match=r"a\.json is not an image"):
        provenance_in(b"{}", "a.json")

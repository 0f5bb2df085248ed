"""Masks of several values, read by the setting `data.object`."""

from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from data.arrays import Mask, Pixels
from data.errors import InputError
from data.masks import decode_mask, read_mask
from tests.data.mask_files import disc, palette_image, saved

GREEN, RED, BLUE = (0, 176, 0), (255, 0, 0), (0, 0, 255)
BLACK = 0, 0, 0
PALETTE = [BLACK, GREEN, RED, BLUE]
NAMES = ["#000000", "#00b000", "#ff0000", "#0000ff"]


def encoded(pixels: NDArray[Any] | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chosen(data: bytes, *values: int | str) -> Mask:
    return decode_mask(data, "a.png", object_values=values)


def two_discs(side: int = 96) -> NDArray[np.uint8]:
    """A leaf, 1, with a lesion, 2, on background, 0."""
    classes = disc(side, 40).astype(np.uint8)
    classes[disc(side, 15)] = 2
    return classes


def in_colour(classes: NDArray[np.uint8]) -> Pixels:
    return np.array(PALETTE, np.uint8)[classes]


@pytest.mark.parametrize("values", [(1,), (2,), (1, 2), (0,), ("not 0",), ("not 0", "not 2"), (9,)])
@settings(max_examples=10, deadline=None)
@given(classes=arrays(np.uint8, st.tuples(*[st.integers(1, 9)] * 2), elements=st.integers(0, 3)))
def test_classes_are_chosen_pixel_by_pixel_in_every_kind_of_file(
    values: tuple[int | str, ...], classes: NDArray[np.uint8]
):
    numbers = [int(str(value).removeprefix("not ")) for value in values]
    expected = np.isin(classes, numbers) ^ str(values[0]).startswith("not")

    assert (chosen(encoded(classes), *values) == expected).all()
    assert (chosen(encoded(classes.astype(np.uint16)), *values) == expected).all()
    assert (chosen(encoded(palette_image(classes, PALETTE)), *values) == expected).all()
    if max(numbers) < len(NAMES):
        prefix = "not " if "not" in str(values[0]) else ""
        colours = [prefix + NAMES[number] for number in numbers]
        assert (chosen(encoded(in_colour(classes)), *colours) == expected).all()
        assert (chosen(encoded(palette_image(classes, PALETTE)), *colours) == expected).all()


def test_large_class_indices_of_sixteen_bits_are_chosen():
    classes = np.tile(np.repeat(np.array([0, 300, 24001], np.uint16), 20), (30, 1))

    assert (chosen(encoded(classes), 24001) == (classes == 24001)).all()


def test_more_classes_than_noise_has_values_are_told_apart():
    """Neighbouring numbers are other classes, although so many values look like a soft edge."""
    classes = np.kron(np.arange(60, dtype=np.uint8).reshape(6, 10), np.ones((9, 9), np.uint8))

    assert (chosen(encoded(classes), 41, 42) == np.isin(classes, [41, 42])).all()
    assert (chosen(encoded(classes), "not 0") == (classes > 0)).all()


@pytest.mark.parametrize(
    ("values", "is_inside"),
    [((255,), True), (("not 0",), True), ((0,), False), (("#ffffff",), True)],
)
def test_a_soft_edge_is_cut_at_one_half(values: tuple[int | str, ...], is_inside: bool):
    grey = np.asarray(cv2.GaussianBlur(disc(96, 30).astype(np.uint8) * 255, (0, 0), 3), np.uint8)

    mask = chosen(encoded(grey), *values)

    np.testing.assert_array_equal(mask, (grey >= 128) if is_inside else (grey < 128))


@pytest.mark.parametrize("kind", ["blurred", "jpeg"])
def test_soft_edges_and_noise_of_colours_belong_to_the_nearest_colour(kind: str):
    classes = two_discs(192)
    picture = in_colour(classes)
    if kind == "blurred":
        data = encoded(cv2.GaussianBlur(picture, (0, 0), 1.5))
    else:
        data = encoded(picture, "JPEG", quality=85)

    mask = chosen(data, "#00b000", "#ff0000")

    wrong = mask != (classes > 0)
    near = cv2.dilate((classes > 0).astype(np.uint8), np.ones((5, 5))) != cv2.erode(
        (classes > 0).astype(np.uint8), np.ones((5, 5))
    )
    assert not (wrong & ~near).any()
    assert wrong.mean() < 0.01


def test_a_grey_jpeg_of_several_levels_is_read_by_the_nearest():
    grey = np.array([0, 128, 255], np.uint8)[two_discs(192)]

    mask = chosen(encoded(grey, "JPEG", quality=80), 128)

    wrong = mask != (grey == 128)
    assert wrong.mean() < 0.03
    assert mask[grey == 128].mean() > 0.97


@pytest.mark.parametrize("values", [(1,), ("not 1",), (100, 110)])
def test_class_indices_in_a_jpeg_are_refused(values: tuple[int | str, ...]):
    data = encoded(two_discs() * np.uint8(100), "JPEG")

    with pytest.raises(InputError, match=r"a\.png is a JPEG, whose noise hides .* as PNG"):
        chosen(data, *values)


def test_what_is_transparent_is_no_object():
    classes = two_discs()
    rgba = np.dstack([in_colour(classes), np.where(classes == 1, 255, 40).astype(np.uint8)])

    assert (chosen(encoded(rgba), "#00b000", "#ff0000") == (classes == 1)).all()


def test_numbers_do_not_name_colours():
    with pytest.raises(InputError, match=r"a\.png is in colour .* cannot name 1; name colours"):
        chosen(encoded(in_colour(two_discs())), 1, 2)


def test_categories_of_polygons_name_nothing_in_a_picture():
    with pytest.raises(InputError, match=r"a\.png is a picture, so .* cannot name 'car', a categ"):
        chosen(encoded(two_discs()), "car")
    assert (chosen(encoded(two_discs()), "car", 2) == (two_discs() == 2)).all()


def test_in_colour_the_number_0_is_black():
    classes = two_discs()

    assert (chosen(encoded(in_colour(classes)), "not 0") == (classes > 0)).all()


def test_a_photo_is_refused_whatever_is_chosen():
    photo = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)

    with pytest.raises(InputError, match="is a picture in colour, not a mask"):
        chosen(encoded(photo), "#00b000")


@pytest.mark.parametrize(("value", "is_object"), [(0, True), (255, False), ("not 255", True)])
def test_of_a_palette_of_greys_the_grey_is_meant(tmp_path: Path, value: int | str, is_object: bool):
    """A GIF numbers its greys as it likes."""
    path = saved(tmp_path / "a.gif", disc().astype(np.uint8) * 255)

    mask = read_mask(path, object_values=[value])

    np.testing.assert_array_equal(mask, disc() != is_object)


def test_one_bit_is_0_or_255(tmp_path: Path):
    path = saved(tmp_path / "a.png", Image.fromarray(disc()))

    assert (read_mask(path, object_values=[0]) == ~disc()).all()


@pytest.mark.parametrize(
    ("picture", "setting"),
    [
        (two_discs(), r'data\.object = "not 0"'),
        (two_discs() * np.uint8(9) + np.uint8(3), r"data\.object = \[12, 21\]"),
        (in_colour(two_discs()), r'data\.object = "not 0"'),
        (np.arange(40, dtype=np.uint8).repeat(9).reshape(-1, 9), r'data\.object = "not 0"'),
    ],
)
def test_without_the_setting_the_refusal_names_it_with_the_values_found(
    picture: Pixels, setting: str
):
    with pytest.raises(InputError, match=rf"a\.png has \d+ (values|colours) \(.*{setting}$"):
        chosen(encoded(picture))

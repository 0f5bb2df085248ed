import numpy as np
import pytest

from data.errors import SettingsError
from data.geometry import Size
from pipeline.inference.cutouts.crop_box import Box, Margin, object_box, shared_box


def test_the_box_holds_all_of_the_object_and_no_more():
    visible = np.zeros((20, 30), bool)
    visible[3, 5] = visible[11, 28] = True

    assert object_box(visible) == Box(3, 5, 12, 29)
    assert object_box(np.zeros((4, 5), bool)) is None
    assert object_box(np.ones((4, 5), bool)) == Box(0, 0, 4, 5)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("3%", Box(94, 94, 156, 306)),  # of 200, the longer side
        ("0", Box(100, 100, 150, 300)),
        ("12", Box(88, 88, 162, 312)),
        ("0.5%", Box(99, 99, 151, 301)),
    ],
)
def test_margins_are_shares_of_the_longer_side_or_pixels(text: str, wanted: Box):
    assert Margin.parse(text).around(Box(100, 100, 150, 300)) == wanted


@pytest.mark.parametrize("text", ["", "%", "-1", "three", "nan", "inf%", "99999999"])
def test_other_margins_are_refused(text: str):
    with pytest.raises(SettingsError, match="--margin takes 3% or a number of pixels"):
        Margin.parse(text)


def test_a_box_ends_where_the_photo_does():
    assert Box(-5, -3, 70, 120).within(Size(64, 96)) == Box(0, 0, 64, 96)
    assert Box(5, 3, 60, 90).within(Size(64, 96)) == Box(5, 3, 60, 90)


def test_a_group_shares_the_box_around_all_its_boxes():
    assert shared_box([Box(1, 9, 4, 12), None, Box(3, 2, 8, 11)]) == Box(1, 2, 8, 12)
    assert shared_box([None, None]) is None

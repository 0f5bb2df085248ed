"""Each format gives the mask back."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings

from data.arrays import Mask
from data.polygons import FormatName
from data.polygons.formats import FORMATS
from data.polygons.options import PolygonOptions
from tests.data.polygons.mask_examples import again, every_example, masks

NAMES = get_args(FormatName)


def test_every_format_has_a_reader_and_a_writer():
    assert set(FORMATS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(mask=masks)
@every_example
def test_a_format_gives_the_mask_again(name: FormatName, mask: Mask):
    np.testing.assert_array_equal(again(name, mask), mask)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(mask=masks)
@every_example
def test_objects_one_by_one_give_the_mask_again(name: FormatName, mask: Mask):
    options = PolygonOptions(instances=True)

    np.testing.assert_array_equal(again(name, mask, options), mask)


@pytest.mark.parametrize("name", ["yolo", "labelme", "svg", "geojson", "coco"])
@settings(max_examples=20)
@given(mask=masks)
def test_polygons_with_a_tolerance_can_be_read(name: FormatName, mask: Mask):
    assert again(name, mask, PolygonOptions(tolerance=2)).shape == mask.shape


@pytest.mark.parametrize("name", ["yolo", "labelme", "svg", "geojson", "coco"])
def test_a_large_photo_is_exact_too(name: FormatName):
    y, x = np.mgrid[:37, :9001]
    mask = (np.sin(x / 7) * 15 + 18 > y) & (np.hypot(x - 4500, y - 10) > 4)

    np.testing.assert_array_equal(again(name, mask), mask)

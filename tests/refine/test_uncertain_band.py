import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from data.arrays import Pixels
from data.geometry import Size
from refine.distance import signed_distance
from refine.matte.coverage import contour_alpha, contour_band
from refine.uncertain_band import (
    HALF,
    SURER,
    between_pixels,
    coarse_logits,
    fitted,
    mask_logits,
    steepness,
)
from tests.builders import area_mean, middle_disc
from tests.refine.matte.shapes import Field, disc_field, inner, slanted_field, true_coverage

GREYS = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=16))


@given(GREYS, st.floats(0.01, 10))
def test_logits_have_the_sign_of_the_mask(grey: Pixels, slope: float):
    logits = mask_logits(grey, slope)

    np.testing.assert_array_equal(logits > 0, grey >= HALF)
    assert (logits != 0).all()
    assert np.isfinite(logits).all()


@given(GREYS, st.floats(0.01, 10))
def test_a_contour_between_pixels_leaves_each_on_its_side(grey: Pixels, slope: float):
    logits = between_pixels(grey, mask_logits(grey, slope), slope)

    np.testing.assert_array_equal(logits > 0, grey >= HALF)
    assert (logits != 0).all()
    assert np.isfinite(logits).all()


SHAPES = [disc_field(31.3, 30.6, 20.2), *(slanted_field(degrees) for degrees in (10, 38, 80, 160))]


@pytest.mark.parametrize("field", SHAPES)
@pytest.mark.parametrize(("levels", "most"), [(1, 0.07), (255, 0.02)])
def test_a_contour_between_pixels_has_no_stairs(field: Field, levels: int, most: float):
    truth = true_coverage(field)
    grey = (np.round(truth * levels) * (255 / levels)).astype(np.uint8)
    mask, stairs = grey >= HALF, mask_logits(grey, 0.3)

    alpha = contour_alpha(mask, between_pixels(grey, stairs, 0.3))

    mixed = inner(contour_band(mask).mask(mask.shape))
    error, before = (
        np.abs(inner(each - truth))[mixed].mean() for each in (alpha, contour_alpha(mask, stairs))
    )
    assert error < min(most, 0.7 * before)


@given(GREYS, st.floats(0.01, 10))
def test_no_pixel_is_surer_than_its_value_counts(grey: Pixels, slope: float):
    p = 1 / (1 + np.exp(-mask_logits(grey, slope).astype(np.float64) / SURER))

    assert (np.abs(p - 0.5) <= np.abs(grey / 255 - 0.5) + 1e-6).all()


@pytest.mark.parametrize(("low", "high"), [(0.08, 0.92), (0.05, 0.9), (0.2, 0.99), (0, 1)])
@pytest.mark.parametrize("band", [1.7, 4.1, 9.3])
def test_pixels_nearer_to_the_contour_than_the_band_are_uncertain(
    low: float, high: float, band: float
):
    mask = middle_disc((96, 128))

    logits = mask_logits(mask * np.uint8(255), steepness(band, low, high))

    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    uncertain = (p > max(low, 0.01)) & (p < min(high, 0.99))
    near = np.abs(signed_distance(mask)) < band
    if low + high == 1:
        np.testing.assert_array_equal(uncertain, near)
    assert (uncertain | ~near).all()


def test_soft_values_are_uncertain_far_from_the_contour_too():
    trimap = np.full((64, 64), 0, np.uint8)
    trimap[:, 10:54], trimap[:, 50:] = HALF, 255

    logits = mask_logits(trimap, slope := 1.0)

    assert np.abs(logits[:, 12:50]).max() < 0.03
    assert np.abs(logits[:, :9]).min() >= slope


@pytest.mark.parametrize("size", [Size(64, 96), Size(61, 90), Size(1, 33)], ids=str)
@pytest.mark.parametrize("stride", [4, 8])
def test_coarse_logits_are_those_of_mean_probabilities(size: Size, stride: int):
    logits = np.random.default_rng(0).uniform(-6, 6, size).astype(np.float32)

    coarse = coarse_logits(logits, stride, alignment=32)

    bottom, right = -size.height % 32, -size.width % 32
    whole = np.pad(logits, ((0, bottom), (0, right)), mode="edge").astype(np.float64)
    mean = area_mean(1 / (1 + np.exp(-whole)), stride)
    np.testing.assert_allclose(coarse, np.log(mean / (1 - mean)), rtol=1e-3, atol=1e-4)
    assert coarse.dtype == np.float32


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_mask_that_shrinks_has_area_means(factor: int):
    grey = np.random.default_rng(0).integers(0, 256, (12 * factor, 18 * factor), np.uint8)

    small = fitted(grey, Size(12, 18))

    np.testing.assert_allclose(small, area_mean(grey, factor), atol=0.51)


@pytest.mark.parametrize(
    ("before", "after"),
    [((20, 30), (40, 60)), ((32, 32), (64, 96)), ((64, 64), (48, 96)), ((5, 9), (1, 100))],
)
def test_a_ramp_stays_where_it_is_at_any_size(before: tuple[int, int], after: tuple[int, int]):
    ramp = np.tile(np.linspace(0, 200, before[1]).astype(np.uint8), (before[0], 1))

    result = fitted(ramp, Size(*after))

    at = ((np.arange(after[1]) + 0.5) * before[1] / after[1] - 0.5).clip(0, before[1] - 1)
    expected = np.interp(at, np.arange(before[1]), ramp[0])
    assert result.shape == after
    assert np.abs(result - expected).max() < 4

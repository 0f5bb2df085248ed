import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refine.matte.coverage import contour_alpha, contour_band, probability_alpha
from tests.refine.matte.shapes import (
    Field,
    at_centres,
    disc_field,
    inner,
    slanted_field,
    true_coverage,
)

LEVEL = 1 / 255


@pytest.mark.parametrize(
    "field",
    [disc_field(31.3, 30.6, 20.2), *(slanted_field(degrees) for degrees in (0, 17, 45, 80, 200))],
)
def test_alpha_is_the_area_inside_a_disc_or_a_slanted_edge(field: Field):
    logits = at_centres(field)

    alpha = contour_alpha(logits > 0, logits)

    error = inner(alpha - true_coverage(field))
    mixed = inner(contour_band(logits > 0).mask(alpha.shape))
    assert np.abs(error[mixed]).mean() < LEVEL
    assert np.abs(error).max() < 3 * LEVEL
    assert not error[~mixed].any()


def test_the_scale_of_logits_does_not_matter():
    logits = at_centres(disc_field(31.3, 30.6, 20.2))

    np.testing.assert_allclose(
        contour_alpha(logits > 0, logits), contour_alpha(logits > 0, 9 * logits), atol=1e-4
    )


def test_what_post_processing_removed_does_not_come_back():
    logits = np.maximum(at_centres(disc_field(20, 20, 10.3)), at_centres(disc_field(50, 50, 4.2)))
    kept = at_centres(disc_field(20, 20, 10.3))

    for make in (contour_alpha, probability_alpha):
        alpha = make(kept > 0, logits)

        assert not alpha[44:, 44:].any()
        assert alpha[20, 20] > 0.9


def test_what_post_processing_added_stays():
    logits = -at_centres(disc_field(30, 30, 5.3))

    for make in (contour_alpha, probability_alpha):
        alpha = make(np.ones(logits.shape, bool), logits)

        assert (alpha[25:36, 25:36] == 1).all()


def test_a_contour_through_centres_of_pixels_has_a_side():
    logits = np.zeros((8, 8), np.float32)
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True

    alpha = contour_alpha(mask, logits)

    assert alpha[3, 3] == 1
    assert alpha[3, 2] == pytest.approx(1)
    assert alpha[3, 1] == pytest.approx(0)
    assert alpha[0, 0] == 0


def test_away_from_the_contour_alpha_is_the_mask():
    logits = at_centres(disc_field(31.3, 30.6, 20.2))
    mask = logits > 0

    alpha = contour_alpha(mask, logits)

    away = ~contour_band(mask).mask(mask.shape)
    np.testing.assert_array_equal(alpha[away], mask[away])


@pytest.mark.parametrize("value", [False, True])
def test_a_mask_of_one_value_has_alpha_of_one_value(value: bool):
    mask = np.full((5, 7), value)

    alpha = contour_alpha(mask, np.where(mask, 3, -3).astype(np.float32))

    assert (alpha == value).all()


@given(st.integers(0, 2**32 - 1))
def test_object_and_background_share_every_pixel(seed: int):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(9, 11)).astype(np.float32)

    alpha, rest = contour_alpha(logits > 0, logits), contour_alpha(logits <= 0, -logits)

    np.testing.assert_allclose(alpha + rest, 1, atol=1e-5)
    assert alpha.min() >= 0
    assert alpha.max() <= 1


def test_probability_has_no_veil():
    logits = np.linspace(-8, 8, 64, dtype=np.float32)[None].repeat(3, axis=0)

    alpha = probability_alpha(logits > 0, logits)

    assert set(alpha[:, 0]) == {0}
    assert set(alpha[:, -1]) == {1}
    middle = np.abs(logits) < 4
    np.testing.assert_allclose(alpha[middle], 1 / (1 + np.exp(-logits[middle])), rtol=1e-5)

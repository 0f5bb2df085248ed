import numpy as np
import pytest

from refine.matte.coverage import contour_alpha
from refine.matte.growth import grown
from tests.refine.matte.shapes import (
    Field,
    at_centres,
    disc_field,
    inner,
    slanted_field,
    true_coverage,
)

SHIFTS = [0.25, -0.5, 1.0, -2.3, 6.7]


@pytest.mark.parametrize("pixels", SHIFTS)
@pytest.mark.parametrize("field", [disc_field(31.3, 30.6, 20.2), slanted_field(17)])
def test_the_contour_moves_by_fractions_of_a_pixel(field: Field, pixels: float):
    logits = at_centres(field)

    alpha = contour_alpha(*grown(logits > 0, logits, pixels))

    wanted = true_coverage(lambda y, x: field(y, x) + pixels)
    error = np.abs(inner(alpha - wanted))
    mixed = inner((wanted > 0) & (wanted < 1))
    assert error[mixed].mean() < 2 / 255 if pixels > -2 else error[mixed].mean() < 4 / 255


@pytest.mark.parametrize("scale", [0.1, 1, 40])
def test_logits_of_any_steepness_move_by_the_same(scale: float):
    logits = at_centres(slanted_field(33))

    one = contour_alpha(*grown(logits > 0, logits, 1.4))
    other = contour_alpha(*grown(logits > 0, scale * logits, 1.4))

    np.testing.assert_allclose(one, other, atol=0.02)


def test_nothing_moves_by_nothing():
    logits = at_centres(disc_field(31.3, 30.6, 20.2))

    mask, same = grown(logits > 0, logits, 0)

    np.testing.assert_array_equal(mask, logits > 0)
    np.testing.assert_array_equal(same, logits)


@pytest.mark.parametrize("value", [False, True])
def test_a_mask_without_a_contour_stays(value: bool):
    mask = np.full((6, 8), value)

    moved, _ = grown(mask, np.where(mask, 2, -2).astype(np.float32), 3)

    np.testing.assert_array_equal(moved, mask)


def test_what_is_thinner_than_twice_the_move_is_gone():
    logits = at_centres(disc_field(31.3, 30.6, 3.2))

    mask, _ = grown(logits > 0, logits, -4)

    assert not mask.any()


def test_a_single_pixel_grows_to_a_disc():
    mask = np.zeros((31, 31), bool)
    mask[15, 15] = True

    moved, logits = grown(mask, np.where(mask, 1, -1).astype(np.float32), 6)

    area = contour_alpha(moved, logits).sum()
    assert np.pi * 6.2**2 < area < np.pi * 6.6**2

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import mask_errors
from data.arrays import Mask
from data.geometry import Size
from refine.distance import signed_distance
from tests.builders import middle_disc

SIZE = (192, 256)
DISC = middle_disc(SIZE)

Change = Callable[[Mask], Mask]


def farthest(mask: Mask) -> float:
    """The largest distance of the contour of `mask` from that of `DISC`, in pixels."""
    beside = np.abs(signed_distance(mask)) < 1
    return float(np.abs(signed_distance(DISC)[beside]).max())


@given(st.integers(-9, 9), st.integers(-9, 9))
def test_a_shift_moves_every_pixel(rows: int, columns: int):
    moved = mask_errors.shifted(DISC, rows, columns)

    np.testing.assert_array_equal(
        moved[20:-20, 20:-20], np.roll(DISC, (rows, columns), (0, 1))[20:-20, 20:-20]
    )


def test_a_shift_repeats_the_border():
    mask = np.zeros((8, 8), np.bool_)
    mask[:, 0] = True

    assert mask_errors.shifted(mask, 0, 3)[:, :4].all()


@pytest.mark.parametrize("pixels", [-8, -3, -1, 1, 2, 8])
def test_growth_moves_the_contour_by_as_many_pixels(pixels: int):
    grown = mask_errors.grown(DISC, pixels)

    distance = signed_distance(DISC)[np.abs(signed_distance(grown)) < 1]
    assert abs(distance.mean() + pixels) < 0.6
    assert np.abs(distance + pixels).max() < 2


def test_growth_of_nothing_changes_nothing():
    np.testing.assert_array_equal(mask_errors.grown(DISC, 0), DISC)


@pytest.mark.parametrize("tolerance", [1, 4, 12])
def test_a_polygon_stays_within_its_tolerance(tolerance: float):
    cornered = mask_errors.cornered(DISC, tolerance)

    assert 0 < farthest(cornered) < tolerance + 1.5


def test_a_blurred_mask_is_soft_and_stays_in_place():
    soft = mask_errors.blurred(DISC, 3)

    assert len(np.unique(soft)) > 50
    assert farthest(soft >= 128) < 2


@pytest.mark.parametrize("smoothly", [False, True])
def test_a_reduced_mask_has_its_size_and_place(smoothly: bool):
    small = mask_errors.reduced(DISC, Size(64, 64), smoothly=smoothly)

    assert small.shape == (64, 64)
    assert (len(np.unique(small)) > 2) == smoothly
    back = cv2.resize(small, SIZE[::-1], interpolation=cv2.INTER_LINEAR) >= 128
    assert farthest(np.asarray(back)) < 4


@pytest.mark.parametrize("amplitude", [1, 3, 6])
def test_a_wobbly_contour_is_off_by_about_its_amplitude(amplitude: float):
    errors = []
    for seed in range(8):
        wobbly = mask_errors.wobbly(DISC, amplitude, np.random.default_rng(seed))
        beside = np.abs(signed_distance(wobbly)) < 1
        errors.append(np.square(signed_distance(DISC)[beside]).mean() ** 0.5)

    assert 0.4 * amplitude < np.mean(errors) < 1.6 * amplitude + 0.5


@pytest.mark.parametrize("inside", [False, True])
def test_a_disc_is_painted_on_the_contour(inside: bool):
    painted = mask_errors.disc_on_contour(DISC, 10, np.random.default_rng(1), inside=inside)

    changed = painted != DISC
    assert (painted[changed] == inside).all()
    assert 50 < changed.sum() < 320
    assert np.abs(signed_distance(DISC)[changed]).max() < 11


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**9))
def test_random_errors_are_the_same_for_a_seed_and_leave_a_mask(seed: int):
    first, second = (mask_errors.random_errors(DISC, np.random.default_rng(seed)) for _ in range(2))

    np.testing.assert_array_equal(first, second)
    assert first.shape == SIZE
    assert first.dtype == np.bool_
    assert 0 < first.sum() < first.size
    assert farthest(first) < 60


def test_random_errors_are_of_many_sizes():
    found = [
        farthest(mask_errors.random_errors(DISC, np.random.default_rng(seed))) for seed in range(60)
    ]

    assert sum(error < 1 for error in found) > 3
    assert sum(error > 8 for error in found) > 10


@pytest.mark.parametrize("value", [False, True])
def test_a_mask_without_a_contour_has_no_errors(value: bool):
    mask = np.full((64, 64), value)

    for seed in range(12):
        errors = mask_errors.random_errors(mask, np.random.default_rng(seed))
        np.testing.assert_array_equal(errors, mask)

"""Places that are enlarged, the most uncertain first."""

import numpy as np
import pytest
import torch

from data.geometry import Size
from pipeline.reviewing.places import expected_dice, sums_of, uncertain_places

WORKING = Size(250, 380)


def doubt(*spots: tuple[int, int, float]) -> np.ndarray:
    """Sums of tiles of 16 pixels, certain but for some."""
    grid = np.zeros((16, 24, 3))
    grid[..., 2] = 100
    for row, column, wrong in spots:
        grid[row, column, 0] = wrong
    return grid


def test_the_most_uncertain_place_comes_first_and_holds_its_spot_in_the_middle():
    first, second = uncertain_places(doubt((3, 4, 20), (10, 18, 50)), 16, WORKING)

    assert (first.wrong, second.wrong) == (50, 20)
    assert (first.x + 48, first.y + 48) == pytest.approx((18.5 * 16, 10.5 * 16), abs=1)
    assert (second.x + 48, second.y + 48) == pytest.approx((4.5 * 16, 3.5 * 16), abs=1)


def test_spots_near_each_other_share_a_place():
    (place,) = uncertain_places(doubt((3, 4, 20), (5, 7, 20)), 16, WORKING)

    assert place.wrong == 40


def test_places_stay_within_the_photo():
    for place in uncertain_places(doubt((0, 0, 9), (15, 23, 9), (0, 23, 9)), 16, WORKING):
        assert 0 <= place.x <= 380 - 96
        assert 0 <= place.y <= 250 - 96


def test_what_is_certain_has_one_place_all_the_same():
    assert len(uncertain_places(doubt(), 16, WORKING)) == 1
    assert len(uncertain_places(doubt((3, 4, 20), (10, 18, 1)), 16, WORKING)) == 1


def test_a_photo_smaller_than_a_place_is_one():
    (place,) = uncertain_places(doubt()[:2, :3], 16, Size(30, 40))

    assert (place.x, place.y) == (0, 0)


def test_sums_count_what_is_wrong_inside_and_outside():
    logits = torch.full((1, 4, 4), -30.0)
    logits[0, :2] = 30
    belief = logits.clone()
    belief[0, 0, :] = -30  # four pixels of the mask that are none
    belief[0, 3, 0] = 30  # one that is missing
    within = torch.ones(1, 4, 4)

    sums = sums_of(logits, belief, within)

    assert sums == pytest.approx(np.array([[4, 1, 8]]), abs=1e-5)
    assert expected_dice(sums) == pytest.approx(2 * 4 / (5 + 8))


def test_the_padding_does_not_count():
    logits = torch.full((1, 4, 4), 30.0)
    within = torch.ones(1, 4, 4)
    within[:, 2:] = 0

    assert sums_of(logits, -logits, within) == pytest.approx(np.array([[8, 0, 8]]))


def test_an_empty_mask_is_expected_to_be_wrong():
    assert expected_dice(np.zeros((2, 2, 3))) == 0

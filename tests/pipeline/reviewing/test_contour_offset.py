"""Offsets that are planted are measured again, to a fraction of a pixel."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.reviewing.contour_offset import group_offset, measured_offset, shifted
from tests.builders import disc

SIZE = (200, 300)
CENTRE, RADIUS = (101.3, 148.7), 70.4


def logits_of(radius: float = RADIUS, slope: float = 0.8) -> NDArray[np.float32]:
    """A network that is sure away from the contour of a disc."""
    rows, columns = np.ogrid[: SIZE[0], : SIZE[1]]
    distance = radius - np.hypot(rows - CENTRE[0], columns - CENTRE[1])
    return np.clip(slope * distance, -20, 20).astype(np.float32)


@pytest.mark.parametrize("slope", [0.3, 0.8, 3.0])
@pytest.mark.parametrize("offset", [-1.5, -0.4, 0.0, 0.25, 0.4, 1.0, 2.0])
def test_a_mask_drawn_wide_or_tight_is_measured(offset: float, slope: float):
    mask = disc(CENTRE, RADIUS + offset, SIZE)

    assert measured_offset(mask, logits_of(slope=slope)) == pytest.approx(offset, abs=0.08)


@pytest.mark.parametrize("offset", [-1.0, -0.4, 0.3, 1.0])
def test_a_contour_that_is_moved_is_where_it_should_be(offset: float):
    moved = shifted(torch.from_numpy(logits_of()), offset).numpy() > 0

    assert np.count_nonzero(moved != disc(CENTRE, RADIUS + offset, SIZE)) <= 8
    assert measured_offset(moved, logits_of()) == pytest.approx(offset, abs=0.08)


def test_places_where_one_of_the_two_is_wrong_do_not_count():
    mask = disc(CENTRE, RADIUS + 0.4, SIZE)
    mask[90:110, 60:90] = True  # a lump

    assert measured_offset(mask, logits_of()) == pytest.approx(0.4, abs=0.08)


@pytest.mark.parametrize("mask", [np.zeros(SIZE, np.bool_), disc(CENTRE, 20, SIZE)])
def test_a_mask_whose_contour_is_elsewhere_says_nothing(mask: NDArray[np.bool_]):
    assert measured_offset(mask, logits_of()) is None


def test_without_an_offset_nothing_changes():
    logits = torch.from_numpy(logits_of())

    assert torch.equal(shifted(logits, 0.0), logits)


def test_the_offset_of_a_group_is_the_middle_one_in_steps():
    assert group_offset([0.41, 0.37, 5.0]) == pytest.approx(0.4)
    assert group_offset([-9.0, -9.0]) == -2.0

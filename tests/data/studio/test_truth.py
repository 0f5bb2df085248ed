import numpy as np
import pytest

from data.geometry import Size
from data.studio import render_photo
from data.studio.truth import CutOut, render_cutout

MIDDLE = Size(320, 480)


@pytest.fixture(scope="module")
def truth() -> CutOut:
    return render_cutout(0, 1, 5, size=MIDDLE)


def test_the_photo_and_the_mask_are_those_of_the_data_set(truth: CutOut):
    photo, mask = render_photo(0, 1, 5, size=MIDDLE)

    np.testing.assert_array_equal(truth.photo, photo)
    np.testing.assert_array_equal(truth.coverage > 0.5, mask)


def test_inside_the_car_its_colours_are_those_of_the_photo_without_noise(truth: CutOut):
    inside = truth.alpha == 1

    difference = truth.photo[inside].astype(int) - truth.colours[inside]

    assert inside.mean() > 0.1
    assert abs(difference.mean()) < 0.2
    assert np.abs(difference).mean() < 3


def test_alpha_is_the_coverage_through_the_lens(truth: CutOut):
    assert truth.alpha.sum() == pytest.approx(truth.coverage.sum(), rel=1e-3)
    assert ((truth.alpha > 0) & (truth.alpha < 1)).sum() > (
        (truth.coverage > 0) & (truth.coverage < 1)
    ).sum()


def test_outside_the_car_there_is_no_colour(truth: CutOut):
    assert not truth.colours[truth.alpha == 0].any()


def test_a_car_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="angle must be from 1 to 16"):
        render_cutout(0, 0, 17)

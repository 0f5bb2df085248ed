"""How long a training still takes."""

import pytest

from pipeline.full_training.legs import Leg
from pipeline.full_training.time_left import estimates_of_parts, seconds_left
from pipeline.training.time_budget import Seconds

PARTS = {"coarse": 100.0, "patches": 10.0, "refiner": 50.0, "scores": 5.0}


@pytest.mark.parametrize(
    ("taken", "left"),
    [
        pytest.param({"check": 8.0}, 165.0, id="nothing is done"),
        pytest.param({"check": 8.0, "coarse": 100.0}, 65.0, id="as estimated"),
        pytest.param({"check": 8.0, "coarse": 150.0}, 97.5, id="slower by half"),
        pytest.param({"coarse": 100.0, "patches": 10.0, "refiner": 50.0, "tiles": 3.0}, 5.0),
        pytest.param({**PARTS, "tiles": 1.0}, 0.0, id="all is done"),
    ],
)
def test_what_is_left_follows_from_what_was_taken(taken: dict[str, float], left: float):
    assert seconds_left(PARTS, taken) == pytest.approx(left)


def test_little_work_says_nothing_of_the_estimates():
    assert seconds_left(PARTS, {"patches": 30.0}) == pytest.approx(155.0)


def test_each_training_has_parts_of_its_own_and_they_are_scored_together():
    seconds = Seconds(decoding=1.0, coarse=20.0, patches=3.0, refiner=4.0, evaluation=5.0)
    legs = [Leg("fold-0", "fold-0", 0.0, 0.25), Leg("", "", 0.0, 0.0)]

    assert estimates_of_parts((leg, seconds) for leg in legs) == {
        **{"fold-0/coarse": 21.0, "fold-0/patches": 3.0, "fold-0/refiner": 4.0},
        **{"coarse": 21.0, "patches": 3.0, "refiner": 4.0},
        "scores": 10.0,
    }

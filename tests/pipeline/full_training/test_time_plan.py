"""How long a training still takes, and what a limit of time leaves of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import Config
from pipeline.full_training.ending import more_steps
from pipeline.full_training.journal import Journal, Start, load_journal
from pipeline.full_training.legs import Leg
from pipeline.full_training.time_plan import (
    Shortage,
    estimates_of_parts,
    limited,
    seconds_left,
    shortage_of,
)
from pipeline.training.photo_facts import PhotoFacts
from pipeline.training.speed_trial import Speeds
from pipeline.training.time_budget import Seconds, Steps, estimate, steps_worth

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


FACTS = PhotoFacts(50, 50, 2048, 1024, 0.3, 400.0, 4000.0)
SPEEDS = Speeds(read=0.05, coarse_step=1.0, coarse_photo=0.1, refiner_step=1.0)


def journal(seconds: float) -> Journal:
    return Journal(Start("", {}, seconds, all_photos=False), FACTS, [], SPEEDS)


@pytest.mark.parametrize(("share", "warns"), [(0.1, True), (0.35, False), (1, False)])
def test_a_limit_that_leaves_few_steps_is_warned_of_and_how_long_is_better(
    share: float, warns: bool, caplog: pytest.LogCaptureFixture
):
    seconds = estimate(Config(), FACTS, SPEEDS, 40, 10)
    worth = steps_worth(Config(), FACTS, 40)
    end = seconds.overhead + share * (seconds.coarse + seconds.refiner)

    planned = limited(journal(end), "", Config(), 40, 10, 0.0, end)

    assert planned.worth == {"": worth}
    assert bool(caplog.messages) == warns
    if warns:
        assert f"of the {worth.coarse} steps that so many photos are worth" in caplog.text
        again = seconds.overhead + 0.3 * (seconds.coarse + seconds.refiner)
        caplog.clear()
        limited(journal(again), "", Config(), 40, 10, 0.0, again)
        assert not caplog.messages


def test_the_stage_with_the_smallest_share_of_its_steps_is_short_of_them(tmp_path: Path):
    few = replace(
        journal(60),
        worth={"": Steps(1000, 400), "fold-0": Steps(800, 300)},
        steps={"coarse": 200, "refiner": 60, "fold-0/coarse": 300},
    )

    assert shortage_of(few) == Shortage("refiner", 60, 400)
    assert shortage_of(replace(few, steps={"coarse": 250, "refiner": 100})) is None
    assert shortage_of(journal(60)) is None
    assert "the refiner took 60 of the 400 steps" in more_steps(Shortage("refiner", 60, 400))
    few.save(tmp_path)
    assert load_journal(tmp_path) == few

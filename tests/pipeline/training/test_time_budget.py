"""How long a training takes, and how a limit of time is shared."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from pipeline.config import CoarseConfig, Config, RefinerConfig
from pipeline.training.speed_trial import Speeds
from pipeline.training.time_budget import COARSE_SHARE, LEAST_STEPS, estimate, limits, num_tiles
from tests.pipeline.training.test_fitted_settings import FACTS

SPEEDS = Speeds(read=0.05, coarse_step=1.5, coarse_photo=0.1, refiner_step=0.7)
RATES = st.floats(1e-3, 10)


def test_a_training_takes_its_steps_and_what_is_around_them():
    config = Config(coarse=CoarseConfig(steps=100), refiner=RefinerConfig(steps=50))

    seconds = estimate(config, FACTS, SPEEDS, 16, 4)

    assert seconds.decoding == pytest.approx(1)
    assert 150 < seconds.coarse < 160  # two validations
    assert 35 < seconds.refiner < 70
    assert seconds.total == pytest.approx(
        seconds.decoding + seconds.coarse + seconds.patches + seconds.refiner + seconds.evaluation
    )


@given(RATES, RATES, RATES, RATES, st.integers(1, 5000))
def test_a_faster_machine_takes_less_time(
    read: float, step: float, photo: float, refiner: float, num: int
):
    speeds = Speeds(read, step, photo, refiner)
    twice = Speeds(read / 2, step / 2, photo / 2, refiner / 2)

    slow, fast = (estimate(Config(), FACTS, s, num, num // 5).total for s in (speeds, twice))

    assert fast == pytest.approx(slow / 2)


@given(st.integers(2, 5000), st.integers(2, 5000))
def test_more_photos_take_more_time(one: int, two: int):
    few, many = sorted((one, two))

    seconds = [estimate(Config(), FACTS, SPEEDS, num, 5).total for num in (few, many)]

    assert seconds[0] <= seconds[1] * 1.02  # fewer photos, a larger share of them validated


def test_tiles_lie_along_the_outline_at_working_size():
    assert num_tiles(FACTS, Config()) == pytest.approx(1.6 * 2500 / 16)
    small = replace(FACTS, long_side=512, short_side=256, contour=625)
    assert num_tiles(small, Config()) == pytest.approx(1.6 * 625 / 16 * 1918 / 512)
    everywhere = replace(FACTS, contour=10**7)
    assert num_tiles(everywhere, Config()) == 2048 * 1024 / 256


@given(st.floats(200, 10**6), st.floats(0, 100))
def test_a_limit_is_shared_by_the_stages_after_what_has_to_be_done(total: float, elapsed: float):
    seconds = estimate(Config(), FACTS, SPEEDS, 16, 4)

    ends = limits(total, elapsed, seconds, SPEEDS)

    assert elapsed < ends.coarse < ends.refiner < total
    trained = total - elapsed - seconds.overhead
    assert ends.coarse - elapsed - seconds.decoding == pytest.approx(COARSE_SHARE * trained)
    assert ends.refiner - ends.coarse - seconds.patches == pytest.approx(
        (1 - COARSE_SHARE) * trained, rel=1e-3, abs=1e-3
    )


SECONDS = estimate(Config(), FACTS, SPEEDS, 16, 4)
LEAST = 10 + SECONDS.overhead + LEAST_STEPS * SPEEDS.refiner_step / (1 - COARSE_SHARE)


@given(st.floats(0, 10**4))
def test_a_limit_leaves_both_stages_some_steps(more: float):
    ends = limits(LEAST + 10 + more, 10, SECONDS, SPEEDS)

    assert (ends.coarse - 10 - SECONDS.decoding) / SPEEDS.coarse_step >= LEAST_STEPS - 1e-6
    refiner = ends.refiner - ends.coarse - SECONDS.patches
    assert refiner / SPEEDS.refiner_step >= LEAST_STEPS - 1e-6


@given(st.floats(0, 1))
def test_a_limit_that_is_too_short_is_said(share: float):
    with pytest.raises(InputError, match="too short for these photos"):
        limits(share * (LEAST - 1), 10, SECONDS, SPEEDS)

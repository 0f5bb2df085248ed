"""How long a training is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import CoarseConfig, RefinerConfig, TrainConfig
from pipeline.training.plan import LEAST_STEPS, LEAST_VALIDATED, Plan, plan_of, timed

PASSES = st.integers(1, 3000)


@given(st.integers(1, 50), PASSES, st.integers(1, 9))
def test_epochs_are_passes_as_they_always_were(epochs: int, steps_a_pass: int, every: int):
    plan = plan_of(TrainConfig(epochs=epochs, steps=7, validate_every=every), steps_a_pass)

    assert plan == Plan(epochs * steps_a_pass, steps_a_pass, steps_a_pass, every)
    assert plan.epochs_after(0) == epochs


@given(st.integers(1, 10**5), PASSES)
def test_steps_are_as_many_as_were_asked_for(steps: int, steps_a_pass: int):
    plan = plan_of(TrainConfig(steps=steps), steps_a_pass)

    done = epoch = 0
    while done < plan.num_steps:
        now = plan.steps_after(done)
        assert now == plan.steps_an_epoch or done + now == steps  # only the last is cut off
        assert epoch + plan.epochs_after(done) == plan.epochs_after(0)
        done, epoch = done + now, epoch + 1
        assert plan.is_validated(epoch, done)
    assert done == steps
    assert epoch == plan.epochs_after(0)


@given(PASSES)
def test_an_epoch_is_as_many_whole_passes_as_are_worth_a_validation(steps_a_pass: int):
    plan = plan_of(TrainConfig(steps=10**4), steps_a_pass)

    passes, rest = divmod(plan.steps_an_epoch, steps_a_pass)
    assert not rest
    assert plan.steps_an_epoch >= LEAST_STEPS
    assert passes == 1 or (passes - 1) * steps_a_pass < LEAST_STEPS


@pytest.mark.parametrize("config", [CoarseConfig(), RefinerConfig()])
def test_four_times_as_many_photos_are_trained_on_for_twice_as_long(config: TrainConfig):
    one, four, hundred = (plan_of(config, num).num_steps for num in (1, 4, 100))

    assert one >= 100
    assert (four, hundred) == (2 * one, 10 * one)


def test_the_last_epoch_is_validated_and_every_so_many():
    plan = Plan(num_steps=50, steps_a_pass=10, steps_an_epoch=10, validate_every=2)

    validated = [plan.is_validated(epoch, 10 * epoch) for epoch in range(1, 6)]

    assert validated == [False, True, False, True, True]


def test_few_steps_in_a_limit_of_time_are_not_spent_on_validations():
    plan = plan_of(TrainConfig(steps=1000), 5)

    short, long = timed(plan, 40), timed(timed(plan, 40), 1200)

    assert short.steps_an_epoch == 3
    assert [n for n in range(1, 14) if short.is_validated(n, 3 * n)] == [7]
    assert short.is_validated(99, 40)
    # With more time than was thought, every epoch is validated again.
    assert long.steps_an_epoch >= LEAST_VALIDATED
    assert long.is_validated(1, long.steps_an_epoch)

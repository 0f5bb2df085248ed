"""How far a training is, and how many steps a limit of time leaves it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pipeline.config import TrainConfig
from pipeline.training import checkpoint, loop
from pipeline.training.loop import StageRun, fit
from pipeline.training.plan import EPOCHS_IN_LIMIT, Pace, plan_of, steps_within, timed
from tests.tiny_runs import TinyBatches, batch_loss, rows_of, score, tiny_network

STEPS = st.integers(1, 10**5)
PASSES = st.integers(1, 3000)


@given(STEPS, PASSES)
def test_without_a_limit_the_share_is_that_of_the_steps(num_steps: int, steps_a_pass: int):
    pace = Pace(plan_of(TrainConfig(steps=num_steps), steps_a_pass))

    for step in (0, num_steps // 3, num_steps):
        assert pace.share(step) == step / num_steps


@given(STEPS, PASSES, st.lists(st.tuples(st.integers(1, 500), st.integers(0, 9000)), max_size=6))
def test_the_share_never_jumps_and_ends_with_one(
    num_steps: int, steps_a_pass: int, changes: list[tuple[int, int]]
):
    pace, step = Pace(timed(plan_of(TrainConfig(steps=num_steps), steps_a_pass), num_steps)), 0

    for taken, more in changes:
        step = min(step + taken, pace.plan.num_steps)
        before = pace.share(step)
        pace.replan(step, step + more)
        assert pace.share(step) == pytest.approx(before if more else 1.0)
        assert 0 <= pace.share(step) <= 1
        assert pace.share(pace.plan.num_steps) == 1
    again = Pace(pace.plan)
    again.restore(pace.to_json(), is_timed=True)
    assert again.to_json() == pace.to_json()


@given(STEPS, PASSES)
def test_epochs_within_a_limit_are_short_enough_to_keep_it(num_steps: int, steps_a_pass: int):
    plan = timed(plan_of(TrainConfig(steps=num_steps), steps_a_pass), num_steps)

    assert plan.num_steps == num_steps
    assert 1 <= plan.steps_an_epoch <= max(1, num_steps // EPOCHS_IN_LIMIT)
    whole = plan.steps_an_epoch % plan.steps_a_pass == 0
    assert whole or plan.steps_an_epoch < plan.steps_a_pass


@given(st.floats(0, 1e5), st.integers(1, 1000), st.floats(0.1, 1000))
def test_as_many_steps_fit_as_the_latest_epochs_say(left: float, steps: int, seconds: float):
    rows = [{"steps": 1, "seconds": 10**6}, *[{"steps": steps, "seconds": seconds}] * 3]

    num = steps_within(left, rows)

    assert num <= left * steps / seconds + 1e-6 < num + 1.001
    assert steps_within(-left, rows) == 0


class Clock:
    """Time that passes with the steps of a training alone, `pace` seconds a step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.pace = 1.0
        monkeypatch.setattr(loop.time, "monotonic", lambda: self.now)

    def loss(self, model: nn.Module, batch: Any) -> Any:
        self.now += self.pace
        return batch_loss(model, batch)


def run_for(clock: Clock, folder: Path, seconds: float, **settings: Any) -> float:
    """Train a tiny network for so many seconds of the clock; return how long it took."""
    began = clock.now
    config = TrainConfig(**({"steps": 50} | settings))
    run = StageRun(folder, "tiny", lambda: began + seconds - clock.now)
    fit(tiny_network(), clock.loss, TinyBatches(), score, config, run)
    return clock.now - began


@pytest.mark.parametrize("pace", [0.1, 1.0, 3.0])
def test_a_limit_is_kept_whatever_the_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pace: float
):
    clock = Clock(monkeypatch)
    clock.pace = pace

    assert run_for(clock, tmp_path, 300) == pytest.approx(300, rel=0.1)
    assert rows_of(tmp_path)[-1]["lr"] == pytest.approx(0, abs=1e-5)


def test_a_limit_is_kept_if_the_machine_becomes_slower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clock = Clock(monkeypatch)

    def tired(model: nn.Module, batch: Any) -> Any:
        clock.pace = 1.0 if clock.now < 100 else 2.5
        return Clock.loss(clock, model, batch)

    monkeypatch.setattr(clock, "loss", tired)

    assert run_for(clock, tmp_path, 300) == pytest.approx(300, rel=0.1)


def test_the_rate_follows_the_time_that_has_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clock = Clock(monkeypatch)
    clock.pace = 2.0

    run_for(clock, tmp_path, 400, steps=250, lr=1.0)  # for 200 of which there is time

    steps = 0
    for row in rows_of(tmp_path):
        steps += int(row["steps"])
        share = steps * clock.pace / 400
        assert row["lr"] == pytest.approx(loop.lr_factor(min(1, share), 0.05), abs=0.05)


def test_an_interrupted_training_goes_on_with_the_share_that_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clock = Clock(monkeypatch)

    def interrupted(model: nn.Module, batch: Any) -> Any:
        if clock.now >= 150:
            raise KeyboardInterrupt
        return Clock.loss(clock, model, batch)

    with monkeypatch.context() as patch:
        patch.setattr(clock, "loss", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_for(clock, tmp_path, 300)
    saved = checkpoint.read(tmp_path / "last.pt")
    done = sum(row["steps"] for row in rows_of(tmp_path))
    taken = run_for(clock, tmp_path, 300 - done)

    assert saved["step"] == done > 100
    assert done + taken == pytest.approx(300, rel=0.1)
    rates = [row["lr"] for row in rows_of(tmp_path)]
    assert rates[1:] == sorted(rates[1:], reverse=True)


def test_no_time_at_all_still_leaves_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clock = Clock(monkeypatch)

    run_for(clock, tmp_path, 0.5)

    assert len(rows_of(tmp_path)) == 1
    assert (tmp_path / "best.pt").exists()


def test_without_a_score_the_last_weights_within_the_limit_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clock = Clock(monkeypatch)
    run = StageRun(tmp_path, "tiny", lambda: 100 - clock.now)

    kept = fit(tiny_network(), clock.loss, TinyBatches(), None, TrainConfig(steps=50), run)

    assert kept is None
    best, last = (checkpoint.read(tmp_path / f"{name}.pt") for name in ("best", "last"))
    assert best["step"] == last["step"] == sum(row["steps"] for row in rows_of(tmp_path))

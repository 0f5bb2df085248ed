"""What a training says of itself."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pipeline.config import TrainConfig
from pipeline.training import epoch_lines
from pipeline.training.checkpoint import TrainState
from pipeline.training.epoch_lines import Clock, describe, duration, outlook
from pipeline.training.loop import StageRun, fit, new_state
from pipeline.training.plan import Plan
from tests.tiny_runs import TinyBatches, batch_loss, score, tiny_network

PLAN = Plan(num_steps=200, steps_a_pass=10, steps_an_epoch=50, validate_every=1)
ROW = {"epoch": 3, "loss": 0.12345, "lr": 0.1, "score": 0.99731, "seconds": 61.4}


@pytest.fixture
def state() -> TrainState:
    """A state after three epochs of four, of which the last was the best."""
    state = new_state(nn.Linear(1, 1), TrainConfig(), PLAN, "")
    state.epoch, state.step, state.history, state.best_score = 3, 150, [dict(ROW)], 0.99731
    return state


def test_a_line_of_the_log_says_what_matters(state: TrainState):
    head = "epoch 3/4  step 150  loss 0.1235"

    assert describe(state, 125) == (f"{head}  Dice 0.99731 (best)  61 s, about 2 min left")
    state.best_score, state.kept = 0.998, "weights"
    assert describe(state, 20) == (
        f"{head}  Dice 0.99731 of the weights (best 0.99800)  61 s, about 20 s left"
    )
    del state.history[0]["score"]
    assert describe(state, 20) == f"{head}  61 s, about 20 s left"


def test_the_last_line_has_nothing_left(state: TrainState):
    state.epoch, state.step = 4, 200

    assert describe(state, 0).endswith(
        "epoch 4/4  step 200  loss 0.1235  Dice 0.99731 (best)  61 s"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.4, "3 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (9000, "2.5 h")],
)
def test_durations_are_said_as_a_person_would(seconds: float, text: str):
    assert duration(seconds) == text


def test_what_is_left_is_reckoned_from_the_steps_since_the_start(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(epoch_lines, "time", SimpleNamespace(monotonic=lambda: 130.0))

    assert Clock(started=100.0, first=50).seconds_left(60, 100) == pytest.approx(120)


def rows(*scores: float | None) -> list[dict[str, float]]:
    return [
        {"epoch": i} | ({} if value is None else {"score": value})
        for i, value in enumerate(scores, 1)
    ]


def test_the_outlook_says_whether_the_score_still_rises():
    assert outlook(rows(0.5, 0.9, 0.91)) == (
        "best Dice 0.91000, in epoch 3; it rose by 0.01000 in the last third: more steps would help"
    )
    assert outlook(rows(0.5, 0.9, 0.8)) == (
        "best Dice 0.90000, in epoch 2; it rose by 0.00000 in the last third"
    )
    assert outlook(rows(None, None, 0.9)) == "best Dice 0.90000, in epoch 3"


def test_a_training_in_a_log_has_its_steps_and_its_outlook(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.progress.SECONDS_BETWEEN_LINES", 0.0)
    caplog.set_level(logging.INFO)
    torch.manual_seed(0)

    config = TrainConfig(epochs=2)
    fit(tiny_network(), batch_loss, TinyBatches(), score, config, StageRun(tmp_path, "tiny"))

    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if "step " in line and "/8" in line] == [
        *(f"epoch 1: step {step}/8" for step in (1, 2, 3, 4)),
        *(f"epoch 2: step {step}/8" for step in (5, 6, 7)),
    ]
    assert lines[-1].startswith("best Dice -")

"""Trainings by steps, and what is kept of them."""

import math
from pathlib import Path

import pytest
import torch

from pipeline.config import TrainConfig
from pipeline.training import checkpoint
from pipeline.training.loop import StageRun, fit
from tests.tiny_runs import TinyBatches, batch_loss, die_at, rows_of, score, small_run, tiny_network


def test_what_scores_higher_is_kept_the_average_or_the_weights(tmp_path: Path):
    scores = iter([0.5, 0.6, 0.7, 0.65, 0.1, math.nan])  # of average and weights, epoch by epoch
    kept: list[str] = []

    for epochs in (1, 2, 3):
        config = TrainConfig(epochs=epochs)
        model = tiny_network()
        fit(
            model,
            batch_loss,
            TinyBatches(),
            lambda _: next(scores),
            config,
            StageRun(tmp_path, "tiny"),
        )
        best, last = (checkpoint.read(tmp_path / f"{name}.pt") for name in ("best", "last"))
        kept.append(last["kept"])
        weights = best["model"]["0.weight"]
        averaged = best["average"]["module.0.weight"]
        assert torch.equal(model[0].weight, weights if best["kept"] == "weights" else averaged)
        assert not torch.equal(weights, averaged)

    assert kept == ["weights", "average", "average"]
    rows = rows_of(tmp_path)
    assert [row["score"] for row in rows] == [0.6, 0.7, 0.1]
    assert [row["score_average"] for row in rows] == [0.5, 0.7, 0.1]
    assert rows[0]["score_weights"] == 0.6


def test_a_training_by_steps_passes_several_times_through_a_small_set_and_stops_in_time(
    tmp_path: Path,
):
    batches = TinyBatches()
    config = TrainConfig(steps=70)

    fit(tiny_network(), batch_loss, batches, score, config, StageRun(tmp_path, "tiny"))

    assert batches.epochs == list(range(18))  # thirteen passes of four steps, then four and a half
    assert [row["steps"] for row in rows_of(tmp_path)] == [52, 18]
    last = checkpoint.read(tmp_path / "last.pt")
    assert (last["step"], last["passes"]) == (70, 18)


@pytest.mark.parametrize("moment", ["in the middle of an epoch", "before last.pt"])
def test_a_training_by_steps_is_resumed_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
):
    monkeypatch.setattr("pipeline.training.plan.LEAST_STEPS", 8)
    whole = small_run(tmp_path / "whole", epochs=0, steps=22, lr=0.05)

    with monkeypatch.context() as patch:
        die_at(patch, moment, 2)
        with pytest.raises(KeyboardInterrupt):
            small_run(tmp_path / "halves", epochs=0, steps=22, lr=0.05)
    resumed = small_run(tmp_path / "halves", epochs=0, steps=22, lr=0.05)

    for name, value in whole.items():
        assert torch.equal(resumed[name], value), name
    assert rows_of(tmp_path / "halves") == rows_of(tmp_path / "whole")


def test_a_finished_training_goes_on_with_more_steps(tmp_path: Path):
    small_run(tmp_path, epochs=0, steps=6)

    small_run(tmp_path, epochs=0, steps=15)

    assert [row["steps"] for row in rows_of(tmp_path)] == [6, 9]
    assert checkpoint.read(tmp_path / "last.pt")["passes"] == 2 + 3

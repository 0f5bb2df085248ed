"""Trainings without a validation set."""

import json
from pathlib import Path

import pytest
import torch

from data.errors import InputError, SettingsError
from data.groups import split
from data.samples import find_samples
from pipeline.config import Config, DataConfig, TrainConfig
from pipeline.model_folder import load_model
from pipeline.training import checkpoint
from pipeline.training.loop import StageRun, fit
from tests.builders import (
    foveamask,
    tiny_config,
    with_data,
    write_grey_data,
    write_settings,
)
from tests.tiny_runs import TinyBatches, batch_loss, die_at, rows_of, tiny_network


def weights_without_score(run: Path, steps: int = 12) -> torch.Tensor:
    model = tiny_network()
    config = TrainConfig(steps=steps, lr=0.05)

    assert fit(model, batch_loss, TinyBatches(), None, config, StageRun(run, "tiny")) is None
    weights: torch.Tensor = model[0].weight
    return weights


def test_without_a_score_the_average_after_the_last_step_is_kept(tmp_path: Path):
    weights = weights_without_score(tmp_path)

    last = checkpoint.read(tmp_path / "last.pt")
    assert last["step"] == 12
    assert torch.equal(weights, last["average"]["module.0.weight"])
    assert not torch.equal(weights, last["model"]["0.weight"])
    assert not [row for row in rows_of(tmp_path) if "score" in row]


@pytest.mark.parametrize("moment", ["in the middle of an epoch", "before last.pt"])
def test_without_a_score_an_interrupted_training_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
):
    monkeypatch.setattr("pipeline.training.plan.LEAST_STEPS", 4)
    whole = weights_without_score(tmp_path / "whole")

    with monkeypatch.context() as patch:
        die_at(patch, moment, 3)
        with pytest.raises(KeyboardInterrupt):
            weights_without_score(tmp_path / "resumed")
    resumed = weights_without_score(tmp_path / "resumed")

    assert torch.equal(whole, resumed)


def test_without_a_score_a_finished_training_can_be_made_longer(tmp_path: Path):
    short = weights_without_score(tmp_path, steps=12)

    longer = weights_without_score(tmp_path, steps=24)

    assert not torch.equal(short, longer)
    assert torch.equal(weights_without_score(tmp_path, steps=24), longer)


def test_a_share_of_zero_leaves_all_photos_for_training(tmp_path: Path):
    samples = find_samples(write_grey_data(tmp_path, 3))

    assert split(samples, share=0) == (samples, [])
    with pytest.raises(InputError, match="leaves no photo for training"):
        split([], share=0)


@pytest.mark.slow
def test_all_photos_train_both_stages_and_none_is_left_to_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data, run = write_grey_data(tmp_path / "data", 4), tmp_path / "run"
    settings = write_settings(tmp_path / "all.toml", with_data(tiny_config(), val_share=0.0))

    assert foveamask("train-coarse", data, run, "--config", settings) == 0
    assert load_model(run / "model").validation_scores == {"photos": 0}
    assert foveamask("make-patches", data, run) == 0
    assert foveamask("train-refiner", run) == 0
    assert foveamask("evaluate", data, "--model", run / "model") == 1

    model = load_model(run / "model")
    assert model.seen == {sample.group for sample in find_samples(data)}
    assert model.provenance["photos"] == 4
    assert model.provenance["validation_groups"] == []
    assert model.refiner is not None
    assert json.loads((run / "model" / "model.json").read_text())["scores"] == {
        "validation": {"photos": 0}
    }
    assert "was trained on all 4 photos" in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["coarse", "refiner"])
def test_a_schedule_that_follows_scores_needs_some(stage: str):
    kind = type(getattr(Config(), stage))

    with pytest.raises(SettingsError, match=rf"^{stage}\.schedule = .* data\.val_share = 0"):
        Config(data=DataConfig(val_share=0.0), **{stage: kind(schedule="plateau")})
    Config(data=DataConfig(val_share=0.1), **{stage: kind(schedule="plateau")})

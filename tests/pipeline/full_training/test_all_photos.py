"""`train --all-photos`, and a training that is killed."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.full_training.journal import NAME
from pipeline.model_folder import load_model
from tests.pipeline.full_training.small_training import NUM_PHOTOS, command, made

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_all_photos_are_scored_by_models_that_did_not_see_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(command(tmp_path, "--all-photos")) == 0

    run = tmp_path / "run"
    model, scores = load_model(run / "model"), json.loads((run / "scores.json").read_text())
    names = {photo["name"] for photo in scores["photos"]}
    assert len(names) == len(scores["photos"]) == NUM_PHOTOS
    assert names == model.seen
    folds = [load_model(path.parent) for path in run.glob("folds-held-out/*/model/model.json")]
    assert len(folds) == 4
    assert all(fold.seen < names for fold in folds)
    assert sorted(n for fold in folds for n in names - fold.seen) == sorted(names)
    assert {(fold.low, fold.high, fold.budget) for fold in folds} == {
        (model.low, model.high, model.budget)
    }
    assert model.dice_interval is not None
    assert model.dice_interval.photos == NUM_PHOTOS
    assert "a little better" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.slow
@pytest.mark.parametrize("written", ["coarse/last.pt", "patches.zarr", "refiner/last.pt", "model"])
def test_a_training_that_is_killed_ends_as_one_that_was_not(tmp_path: Path, written: str):
    whole = command(tmp_path, run="whole")
    assert main(whole) == 0
    arguments = command(tmp_path)

    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while not (tmp_path / "run" / written).exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    assert not (tmp_path / "run" / "report" / "index.html").exists()
    assert main(arguments) == 0

    assert made(tmp_path / "run") == made(tmp_path / "whole")
    assert "report" in json.loads((tmp_path / "run" / NAME).read_text())["seconds"]

"""Commands of a run that has been trained already, or partly: again, otherwise, after a kill."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr

from pipeline.cli import main
from pipeline.dice_interval import DiceInterval
from pipeline.model_folder import load_model, save_model
from pipeline.toml_settings import load_settings
from pipeline.training import checkpoint
from tests.builders import foveamask
from tests.end_to_end.discs import SETTINGS


@pytest.mark.slow
def test_every_command_of_a_finished_run_may_be_given_again(trained: Path):
    model = trained / "run" / "model"
    before = {path.name: path.read_bytes() for path in model.iterdir()}

    assert foveamask("train-coarse", trained / "data", trained / "run") == 0
    assert foveamask("make-patches", trained / "data", trained / "run") == 0
    assert foveamask("train-refiner", trained / "run") == 0

    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


@pytest.mark.slow
def test_the_interval_of_a_model_stays_when_its_commands_are_given_again(
    trained: Path, tmp_path: Path
):
    run, interval = tmp_path / "run", DiceInterval(-0.5, 0.3, 0.9, 200, 15, 0.94)
    shutil.copytree(trained / "run", run)
    save_model(replace(load_model(run / "model"), dice_interval=interval), run / "model")

    assert foveamask("train-coarse", trained / "data", run) == 0
    assert foveamask("train-refiner", run) == 0

    assert load_model(run / "model").dice_interval == interval


@pytest.mark.slow
def test_settings_given_where_patches_are_there_already_are_kept(trained: Path, tmp_path: Path):
    run, other = tmp_path / "run", tmp_path / "other.toml"
    shutil.copytree(trained / "run", run)
    other.write_text(SETTINGS.replace("epochs = 4", "epochs = 5"))

    assert foveamask("make-patches", trained / "data", run, "--config", other) == 0

    assert load_settings(run / "config.toml").refiner.epochs == 5
    other.write_text(SETTINGS.replace("batch_size = 64", "batch_size = 32"))
    assert foveamask("make-patches", trained / "data", run, "--config", other) == 1
    assert foveamask("train-coarse", trained / "data", run, "--config", other) == 1
    assert load_settings(run / "config.toml").refiner.batch_size == 64


@pytest.mark.slow
def test_post_processing_may_change_before_there_is_a_refiner(trained: Path, tmp_path: Path):
    run, other = tmp_path / "run", tmp_path / "other.toml"
    shutil.copytree(trained / "run" / "coarse", run / "coarse")
    shutil.copy(trained / "run" / "config.toml", run)
    assert foveamask("train-coarse", trained / "data", run) == 0
    other.write_text('postprocess = ["smooth=3"]\n' + SETTINGS)

    assert foveamask("train-coarse", trained / "data", run, "--config", other) == 0

    assert [str(step) for step in load_model(run / "model").postprocess] == ["smooth=3"]


@pytest.mark.slow
def test_stale_patches_are_refused_by_the_name_of_the_command(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run, other = tmp_path / "run", tmp_path / "other.toml"
    shutil.copytree(trained / "run", run, ignore=shutil.ignore_patterns("refiner"))
    other.write_text(SETTINGS.replace("side = 8", "side = 16"))

    status = foveamask("make-patches", trained / "data", run, "--config", other)

    message = capsys.readouterr().err
    assert status == 1
    assert "foveamask make-patches" in message
    assert "Traceback" not in message


@pytest.mark.slow
def test_settings_given_to_a_later_command_than_reads_them_are_sent_to_that(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run, other = tmp_path / "run", tmp_path / "other.toml"
    shutil.copytree(trained / "run", run, ignore=shutil.ignore_patterns("refiner", "*.zarr"))

    other.write_text("[tiles]\nlow = 0.1\n")
    assert foveamask("train-refiner", run, "--config", other) == 1
    assert f"pass --config to `foveamask make-patches DATA {run}`" in capsys.readouterr().err
    other.write_text("[coarse]\nepochs = 16\n")
    assert foveamask("make-patches", trained / "data", run, "--config", other) == 1
    assert f"pass --config to `foveamask train-coarse DATA {run}`" in capsys.readouterr().err
    other.write_text("[data]\nlong_side = 100\n")
    assert foveamask("make-patches", trained / "data", run, "--config", other) == 1
    assert "train in another folder" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_is_not_continued_with_other_settings(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    other = tmp_path / "other.toml"
    other.write_text(SETTINGS.replace("lr = 0.005", "lr = 0.02"))

    status = foveamask("train-coarse", trained / "data", trained / "run", "--config", other)

    assert status == 1
    assert "started with other values of coarse.lr;" in capsys.readouterr().err


@pytest.mark.slow
def test_a_refiner_is_not_continued_with_other_settings(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    kept = (trained / "run" / "config.toml").read_text()
    other = tmp_path / "other.toml"
    other.write_text("[refiner]\nchannels = [8, 8, 8]\ndepths = [2, 2, 2]\n")

    status = foveamask("train-refiner", trained / "run", "--config", other)

    assert status == 1
    assert (
        "started with other values of refiner.channels, refiner.depths;" in capsys.readouterr().err
    )
    assert (trained / "run" / "config.toml").read_text() == kept


@pytest.mark.slow
@pytest.mark.parametrize("damaged", ["model.json", "refiner-*", "coarse-*"])
def test_a_damaged_model_is_mended_by_the_commands_of_its_run(
    trained: Path, tmp_path: Path, damaged: str
):
    run = tmp_path / "run"
    shutil.copytree(trained / "run", run)
    (path,) = (run / "model").glob(damaged)
    path.write_bytes(b"{}")

    assert foveamask("train-coarse", trained / "data", run) == 0
    assert foveamask("make-patches", trained / "data", run) == 0
    assert foveamask("train-refiner", run) == 0

    folders = (trained / "run" / "model", run / "model")
    whole, again = ({path.name: path.read_bytes() for path in f.iterdir()} for f in folders)
    assert again == whole


def command(*arguments: str) -> Sequence[str]:
    return [sys.executable, "-m", "pipeline", *arguments]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_training_that_was_killed_goes_on_to_the_same_weights(
    trained: Path, tmp_path: Path, how: signal.Signals
):
    arguments = ["train-coarse", str(trained / "data"), str(tmp_path / "run")]
    arguments += ["--config", str(trained / "settings.toml")]
    last = tmp_path / "run" / "coarse" / "last.pt"

    with subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True) as process:
        while not last.exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(how)
        _, message = process.communicate()
    killed_at = checkpoint.read(last)["epoch"]
    assert main(arguments) == 0

    assert killed_at < 15, "the training was over before it could be killed"
    assert "Traceback" not in message
    whole = checkpoint.read(trained / "run" / "coarse" / "last.pt")
    again = checkpoint.read(last)
    for name, weights in whole["average"].items():
        torch.testing.assert_close(again["average"][name], weights, rtol=0, atol=0)


@pytest.mark.slow
def test_patch_making_that_was_killed_goes_on_to_the_same_patches(trained: Path, tmp_path: Path):
    run = tmp_path / "run"
    shutil.copytree(trained / "run", run)
    shutil.rmtree(run / "patches.zarr")
    arguments = ["make-patches", str(trained / "data"), str(run)]

    with subprocess.Popen(command(*arguments), stderr=subprocess.DEVNULL) as process:
        while not (run / "patches.zarr.partial").exists() and process.poll() is None:
            time.sleep(0.001)
        process.kill()
    assert main(arguments) == 0

    whole = zarr.open_group(trained / "run" / "patches.zarr", mode="r")
    again = zarr.open_group(run / "patches.zarr", mode="r")
    for name, array in whole.arrays():
        np.testing.assert_array_equal(again[name][:], array[:])
    assert dict(again.attrs) == dict(whole.attrs)

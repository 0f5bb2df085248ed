"""The commands, one after another, on discs that pass for cars."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import rle
from data.images import read_photo
from data.masks import read_mask
from pipeline.inference.segmenter import Segmenter
from tests.builders import foveamask
from tests.end_to_end.discs import SETTINGS, SIZE


@pytest.mark.slow
def test_the_refiner_betters_the_coarse_masks_of_unseen_cars(
    trained: Path, capsys: pytest.CaptureFixture[str]
):
    table = trained / "photos.csv"

    status = foveamask(
        "evaluate", trained / "data", "--model", trained / "run/model", "--per-photo", table
    )

    scores = json.loads(capsys.readouterr().out)
    assert status == 0
    assert scores["refined"]["dice"] > scores["coarse"]["dice"] > 0.8
    assert scores["refined"]["boundary_error_px"] < scores["coarse"]["boundary_error_px"]
    assert 0 < scores["tiles_share"] <= 1
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == scores["photos"]
    assert scores["photos"] + scores["left_out_as_seen_in_training"] == 20
    dice = [float(row["refined_dice"]) for row in rows]
    assert dice == sorted(dice)
    assert np.mean(dice) == pytest.approx(scores["refined"]["dice"], abs=1e-5)


@pytest.mark.slow
def test_predict_writes_masks_and_a_csv_that_agree(trained: Path, tmp_path: Path):
    photos, out, table = trained / "data" / "train", tmp_path / "masks", tmp_path / "masks.csv"

    status = foveamask("predict", photos, out, "--model", trained / "run/model", "--csv", table)

    assert status == 0
    with table.open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["img", "rle_mask"]
    assert [name for name, _ in rows[1:]] == sorted(path.name for path in photos.iterdir())
    for name, runs in rows[1:]:
        written = Image.open(out / Path(name).with_suffix(".png"))
        assert written.size == (SIZE.width, SIZE.height)
        assert set(np.unique(np.asarray(written))) <= {0, 255}
        np.testing.assert_array_equal(rle.decode(runs, SIZE), np.asarray(written) > 0)


@pytest.mark.slow
def test_masks_are_scored_before_and_after_the_steps_asked_for(
    trained: Path, capsys: pytest.CaptureFixture[str]
):
    evaluate = ("evaluate", trained / "data", "--model", trained / "run/model", "--postprocess")

    assert foveamask(*evaluate, "none") == 0
    plain = json.loads(capsys.readouterr().out)
    # A square so large that whatever is left of a mask is no car.
    assert foveamask(*evaluate, "components=0, close-open=99") == 0
    finished = json.loads(capsys.readouterr().out)

    assert "postprocessed" not in plain
    assert finished["refined"] == plain["refined"]
    assert finished["postprocessed"]["dice"] < finished["refined"]["dice"] - 0.1
    assert foveamask(*evaluate, "blur=3") == 2
    assert "there are smooth" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        'network = "mlp"\nstride = 16\nmlp.grid = [8, 8]\nmlp.hidden = [16]',
        'network = "linknet"\noptimizer = "rmsprop"\nschedule = "plateau"\nstride = 4',
        'enet.unpool = "nearest"\nstride = 8',
    ],
)
def test_every_coarse_network_goes_all_the_way(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: str
):
    text = re.sub(r"epochs = \d+", "epochs = 1", SETTINGS)
    text = text.replace("[coarse]\n", f"[coarse]\n{settings}\n")
    text = text.replace("side = 8\n", "side = 16\nlow = 0.001\nhigh = 0.999\n")
    (tmp_path / "settings.toml").write_text(text)
    data, run = trained / "data", tmp_path / "run"

    assert foveamask("train-coarse", data, run, "--config", tmp_path / "settings.toml") == 0
    assert foveamask("make-patches", data, run) == 0
    assert foveamask("train-refiner", run) == 0
    capsys.readouterr()
    assert foveamask("evaluate", data, "--model", run / "model", "--budget", 20) == 0

    scores = json.loads(capsys.readouterr().out)
    assert 0 < scores["tiles"] <= 20
    assert 0 < scores["refined"]["dice"] < 1


@pytest.mark.slow
def test_one_bad_photo_is_named_and_the_others_are_done(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    photos = tmp_path / "photos"
    photos.mkdir()
    good = sorted((trained / "data" / "train").iterdir())[0].read_bytes()
    (photos / "a.jpg").write_bytes(good)
    (photos / "b.jpg").write_bytes(good[: len(good) // 2])
    (photos / "c.jpg").write_bytes(b"")
    (photos / "d.jpg").write_text("not an image")
    (photos / "e.jpg").write_bytes(good)

    table, out = tmp_path / "masks.csv", tmp_path / "out"
    status = foveamask("predict", photos, out, "--model", trained / "run/model", "--csv", table)

    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert status == 1
    for name, is_bad in zip("abcde", [False, True, True, True, False], strict=True):
        assert any(f"{name}.jpg" in line for line in errors) == is_bad
    assert sorted(path.name for path in out.glob("[!.]*")) == ["a.png", "e.png", "run.json"]
    assert len(table.read_text().splitlines()) == 3


@pytest.mark.slow
def test_masks_predicted_from_the_command_line_are_those_of_the_python_api(
    trained: Path, tmp_path: Path
):
    photos = sorted((trained / "data" / "train").iterdir())[3:5]

    foveamask("predict", *photos, tmp_path, "--model", trained / "run/model")

    segmenter = Segmenter.load(trained / "run" / "model")
    for photo in photos:
        mask = read_mask(tmp_path / f"{photo.stem}.png")
        np.testing.assert_array_equal(mask, segmenter(read_photo(photo)))


def test_help_does_not_import_torch():
    code = "import sys; from pipeline.cli import main; main(['--help']); "
    code += "sys.exit('torch' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True)

    assert done.returncode == 0

"""The commands, one after another, on discs that pass for cars."""

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import zarr
from PIL import Image

from data import rle
from data.geometry import Size
from data.images import read_photo
from data.masks import read_mask
from pipeline.cli import main
from pipeline.inference.segmenter import Segmenter
from pipeline.model_folder import load_model
from pipeline.toml_settings import load_settings
from pipeline.training import checkpoint

SIZE = Size(128, 190)
SETTINGS = """
[data]
long_side = 190
val_share = 0.3
[coarse]
epochs = 15
batch_size = 2
lr = 0.005
num_workers = 0
precision = "fp32"
[tiles]
side = 8
max_patches_per_photo = 100
[refiner]
epochs = 4
batch_size = 64
precision = "fp32"
"""


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A bright ellipse on a dark gradient, with noise; and its mask."""
    random = np.random.default_rng(seed)
    mask = np.zeros(SIZE, np.uint8)
    centre = random.uniform([70, 50], [120, 78])
    axes = random.uniform([25, 18], [50, 32])
    cv2.ellipse(mask, (tuple(centre), tuple(2 * axes), float(random.uniform(0, 180))), 1, -1)
    photo = (
        np.repeat(np.linspace(40, 90, SIZE.width)[None, :, None], SIZE.height, 0)
        + mask[..., None] * 110
    )
    photo = photo + random.normal(0, 6, (*SIZE, 3))
    return photo.clip(0, 255).astype(np.uint8), mask.astype(bool)


def write_data(folder: Path, cars: int = 10, angles: int = 2) -> Path:
    (folder / "train").mkdir(parents=True)
    (folder / "train_masks").mkdir()
    for car in range(cars):
        for angle in range(1, angles + 1):
            photo, mask = draw(100 * car + angle)
            stem = f"{car:012x}_{angle:02d}"
            cv2.imwrite(str(folder / "train" / f"{stem}.jpg"), photo[..., ::-1])
            Image.fromarray(mask).save(folder / "train_masks" / f"{stem}_mask.gif")
    return folder


def foveamask(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, settings and a finished run."""
    root = tmp_path_factory.mktemp("end_to_end")
    write_data(root / "data")
    (root / "settings.toml").write_text(SETTINGS)
    data, run = root / "data", root / "run"

    assert foveamask("train-coarse", data, run, "--config", root / "settings.toml") == 0
    assert foveamask("make-patches", data, run) == 0
    assert foveamask("train-refiner", run) == 0
    return root


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
    assert sorted(path.name for path in out.glob("[!.]*")) == ["a.png", "e.png"]
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


@pytest.mark.slow
def test_every_command_of_a_finished_run_may_be_given_again(trained: Path):
    model = trained / "run" / "model"
    before = {path.name: path.read_bytes() for path in model.iterdir()}

    assert foveamask("train-coarse", trained / "data", trained / "run") == 0
    assert foveamask("make-patches", trained / "data", trained / "run") == 0
    assert foveamask("train-refiner", trained / "run") == 0

    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


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


def test_help_does_not_import_torch():
    code = "import sys; from pipeline.cli import main; main(['--help']); "
    code += "sys.exit('torch' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True)

    assert done.returncode == 0

"""The command `train`, from a folder of photos to a model and a report."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data.images import read_photo
from data.masks import read_mask
from data.samples import find_samples
from pipeline.cli import main
from pipeline.full_training import train as full_training
from pipeline.inference.segmenter import Segmenter
from pipeline.model_folder import load_model
from pipeline.toml_settings import load_settings
from tests.pipeline.full_training.small_training import NUM_PHOTOS, command, made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a training that was never interrupted, in `run`."""
    folder = tmp_path_factory.mktemp("whole")
    assert main(command(folder)) == 0
    return folder


def test_one_command_leaves_a_model_scores_and_a_report(whole: Path):
    run = whole / "run"
    model = load_model(run / "model")
    scores = json.loads((run / "scores.json").read_text())

    assert model.refiner is not None
    assert len(model.seen) == NUM_PHOTOS - 2
    assert {photo["group"] for photo in scores["photos"]}.isdisjoint(model.seen)
    assert len(scores["photos"]) == 2
    photo = read_photo(scores["photos"][0]["photo"])
    assert Segmenter.load(run / "model", "cpu")(photo).shape == photo.shape[:2]


def test_scores_are_those_of_the_finished_model(whole: Path):
    run = whole / "run"
    segmenter = Segmenter.load(run / "model", "cpu")

    for photo in json.loads((run / "scores.json").read_text())["photos"]:
        mask, truth = segmenter(read_photo(photo["photo"])), read_mask(photo["mask"])
        dice = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
        assert photo["dice"] == pytest.approx(dice)


def test_settings_are_fitted_unless_they_are_given(whole: Path):
    config = load_settings(whole / "run" / "config.toml")

    assert config.data.long_side == 230  # 96 pixels, enlarged as far as it goes
    assert config.coarse.augment.tint > 0.05
    assert config.coarse.steps == 4
    held_out = {name for name in map(_name, _photos(whole)) if name not in _seen(whole)}
    assert len(held_out) == 2


def test_the_end_says_three_things_and_where_everything_is(
    whole: Path, capsys: pytest.CaptureFixture[str]
):
    status = main(command(whole))

    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert status == 0
    assert re.fullmatch(
        r"how good: Dice 0\.\d{4}, contour off by \d+\.\d pixels, on 2 photos that the networks "
        r"were not trained on; the coarse network alone 0\.\d{4}",
        lines[0],
    )
    assert lines[1].startswith("how sure: ")
    assert lines[1].endswith("2 photos tell little")
    assert lines[2].startswith("what would help most: ")
    assert lines[3:] == [str(whole / "run" / "model"), str(whole / "run" / "report" / "index.html")]


def test_a_finished_training_is_not_done_again(whole: Path, capsys: pytest.CaptureFixture[str]):
    before = {path: path.stat().st_mtime_ns for path in _files(whole / "run")}

    assert main(command(whole)) == 0

    assert {path: path.stat().st_mtime_ns for path in _files(whole / "run")} == before
    assert "[1/6]" not in capsys.readouterr().err


def test_progress_names_each_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main(command(tmp_path))

    said = capsys.readouterr().err
    assert re.findall(r"^\[(\d)/6\]", said, re.MULTILINE) == ["1", "2", "3", "4", "5", "6"]
    assert len(re.findall(r"^\[./6\] [a-z ]+; about \d+ (?:s|min) left in all$", said, re.M)) == 6
    assert re.search(r"^it will take about .+ for coarse networks, .+ for refiners$", said, re.M)
    assert "data.long_side = 230: photos of 96 pixels gain from being enlarged" in said


def test_the_object_may_be_named_on_the_command_line(tmp_path: Path, whole: Path):
    arguments = command(tmp_path, "--object", "1", "2", "#00ff00")
    for path in (tmp_path / "data" / "masks").iterdir():
        Image.fromarray(read_mask(path) * np.uint8(2)).save(path)

    assert main(arguments) == 0

    trained, right = (load_model(folder / "run" / "model") for folder in (tmp_path, whole))
    assert trained.weights() == right.weights()
    given = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert given["data"]["object"] == [1, 2, "#00ff00"]


@pytest.mark.parametrize("part", ["coarse", "patches", "refiner", "tiles", "scores", "report"])
def test_an_interrupted_training_ends_as_one_that_was_not(
    tmp_path: Path, whole: Path, part: str, monkeypatch: pytest.MonkeyPatch
):
    real = getattr(full_training.Training, f"_{part}")

    def interrupted(self: full_training.Training, *arguments: object) -> None:
        real(self, *arguments)
        raise KeyboardInterrupt

    (tmp_path / "data").symlink_to(whole / "data")
    with monkeypatch.context() as patch:
        patch.setattr(full_training.Training, f"_{part}", interrupted)
        assert main(command(tmp_path)) == 130
    assert main(command(tmp_path)) == 0

    assert made(tmp_path / "run") == made(whole / "run")


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(full_training.Training, "_refiner", interrupted)

    assert main(command(tmp_path)) == 130

    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "error: interrupted; run the same command again to resume"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda folder: command(folder, "--time", "20m", steps=""), "settings and --time"),
        (lambda folder: command(folder, "--all-photos"), "--all-photos"),
        (lambda folder: command(folder, steps="steps = 5\n"), "settings"),
    ],
)
def test_another_command_in_the_same_folder_is_refused(
    whole: Path, change: object, named: str, capsys: pytest.CaptureFixture[str]
):
    assert callable(change)

    assert main(change(whole)) == 1

    said = capsys.readouterr().err
    assert f"run was started with other {named}; train in another folder" in said


def test_other_photos_in_the_same_folder_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(full_training.Training, "_coarse", _interrupted)
    main(command(tmp_path))
    for folder in ("images", "masks"):
        min((tmp_path / "data" / folder).iterdir()).unlink()

    status = main(command(tmp_path))

    assert status == 1
    assert "run was started with other photos or masks" in capsys.readouterr().err


def test_a_run_of_single_stages_is_not_taken_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = command(tmp_path)
    main(["train-coarse", *arguments[1:]])

    assert main(arguments) == 1

    assert "was begun by `foveamask train-coarse`" in capsys.readouterr().err


def test_the_stage_commands_find_it_finished(whole: Path, capsys: pytest.CaptureFixture[str]):
    before = made(whole / "run")["coarse/metrics.jsonl"]

    assert main(["train-coarse", str(whole / "data"), str(whole / "run"), "--device", "cpu"]) == 0

    assert made(whole / "run")["coarse/metrics.jsonl"] == before
    assert "resuming after step 4 of 4" in capsys.readouterr().err


def test_data_that_cannot_be_trained_on_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = command(tmp_path)
    for path in (tmp_path / "data" / "masks").iterdir():
        path.unlink()

    assert main(arguments) == 1

    assert "without a mask" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_seed_of_the_process_does_not_matter(tmp_path: Path, whole: Path):
    (tmp_path / "data").symlink_to(whole / "data")
    torch.manual_seed(99)

    main(command(tmp_path))

    assert made(tmp_path / "run") == made(whole / "run")


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _photos(folder: Path) -> list[Path]:
    return [sample.photo for sample in find_samples(folder / "data")]


def _name(photo: Path) -> str:
    return photo.stem


def _seen(folder: Path) -> frozenset[str]:
    return load_model(folder / "run" / "model").seen


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]

"""`evaluate --report` and `predict --report`: what the page has, also after an interruption."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.inference.photo_work import Worker
from pipeline.model_folder import save_model
from tests.builders import foveamask, middle_disc, shaded_photo, unsure_model, write_sample

SIZE = (96, 128)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for i in range(4):
        write_sample(tmp_path / "data", f"p{i}", shaded_photo(SIZE, i), middle_disc(SIZE))
    return tmp_path / "data"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_model(unsure_model(), tmp_path / "run" / "model")
    return tmp_path / "run" / "model"


def listed(report: Path) -> dict[str, Any]:
    """The photos of a report: values, marks and pictures by name."""
    text = (report / "photos.js").read_text().removeprefix("globalThis.REPORT = ")
    photos = json.loads(text.rstrip(";\n"))["photos"]
    return {name: (values, marks, pictures) for name, values, marks, pictures, _ in photos}


def test_an_evaluation_has_its_scores_charts_and_pictures(
    tmp_path: Path, data: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    (model.parent / "refiner").mkdir()
    epoch = {"steps": 50, "loss": 0.5, "score_average": 0.9, "score_weights": 0.8}
    (model.parent / "refiner" / "metrics.jsonl").write_text(f"{json.dumps(epoch)}\n")
    report = tmp_path / "report"

    assert foveamask("evaluate", data, "--model", model, "--report", report) == 0

    said = json.loads(capsys.readouterr().out)
    photos, page = listed(report), (report / "index.html").read_text()
    mean = sum(values[0] for values, _, _ in photos.values()) / len(photos)
    assert mean == pytest.approx(said["refined"]["dice"], abs=1e-5)
    assert f'<td class="number">{said["refined"]["dice"]:.5f}</td>' in page
    assert "Training of the refiner" in page
    assert "Reliability: share of object" in page
    for _, _, pictures in photos.values():
        assert set(pictures) == {"whole", "errors", "spot", "spot_errors"}
        for name in pictures.values():
            with Image.open(report / "pictures" / name) as picture:
                assert picture.format == "WEBP"


def test_without_a_report_the_same_scores_are_printed(
    tmp_path: Path, data: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    assert foveamask("evaluate", data, "--model", model) == 0
    plain = json.loads(capsys.readouterr().out)

    assert foveamask("evaluate", data, "--model", model, "--report", tmp_path / "r") == 0

    reported = json.loads(capsys.readouterr().out)
    for stage in ("coarse_nearest", "coarse", "refined"):
        assert reported.pop(stage) == pytest.approx(plain.pop(stage))
    assert reported == plain


def test_predictions_with_a_report_are_the_same_masks(tmp_path: Path, data: Path, model: Path):
    options = ["--model", model, "--no-metadata"]

    assert foveamask("predict", data / "images", tmp_path / "a", *options) == 0
    report = ["--report", tmp_path / "r"]
    assert foveamask("predict", data / "images", tmp_path / "b", *options, *report) == 0

    for i in range(4):
        assert (tmp_path / "a" / f"p{i}.png").read_bytes() == (
            tmp_path / "b" / f"p{i}.png"
        ).read_bytes()
    assert all(
        set(p) == {"whole", "spot", "spot_mask"} for *_, p in listed(tmp_path / "r").values()
    )


def test_a_report_goes_on_after_an_interruption(
    tmp_path: Path, data: Path, model: Path, monkeypatch: pytest.MonkeyPatch
):
    command = ["predict", data / "images", tmp_path / "out", "--model", model]
    command += ["--report", tmp_path / "out" / "report"]
    write, calls = Worker.write, itertools.count()

    def interrupted(self: Worker, *arguments: Any) -> Any:
        if next(calls) >= 2:
            raise KeyboardInterrupt
        return write(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "write", interrupted)
        assert foveamask(*command) == 130
    assert not (tmp_path / "out" / "report" / "index.html").exists()

    assert foveamask(*command) == 0

    photos = listed(tmp_path / "out" / "report")
    assert set(photos) == {f"p{i}.png" for i in range(4)}
    assert all(set(p) == {"whole", "spot", "spot_mask"} for *_, p in photos.values())


def test_photos_of_earlier_calls_are_drawn_from_their_masks(
    tmp_path: Path, data: Path, model: Path
):
    command = ["predict", data / "images", tmp_path / "out", "--model", model]
    assert foveamask(*command, "--expected", tmp_path / "e.csv") == 0

    assert foveamask(*command, "--report", tmp_path / "r") == 0

    for values, marks, pictures in listed(tmp_path / "r").values():
        assert values[0] is not None
        assert marks == ["from an earlier call"]
        assert set(pictures) == {"whole"}


def test_cutouts_of_earlier_calls_have_no_picture_which_a_line_says(
    tmp_path: Path, data: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["predict", data / "images", tmp_path / "out", "--model", model]
    command += ["--output", "cutout", "--expected", tmp_path / "look.csv"]
    assert foveamask(*command) == 0
    capsys.readouterr()

    assert foveamask(*command, "--report", tmp_path / "r") == 0

    assert "4 of 4 photos were predicted by an earlier call" in capsys.readouterr().err
    assert not any(pictures for *_, pictures in listed(tmp_path / "r").values())


def test_parts_draw_and_the_call_without_a_part_writes_the_page(
    tmp_path: Path, data: Path, model: Path
):
    command = ["predict", data / "images", tmp_path / "out", "--model", model]
    command += ["--report", tmp_path / "r"]
    for part in ("1/2", "2/2"):
        assert foveamask(*command, "--part", part) == 0
    assert not (tmp_path / "r" / "index.html").exists()

    assert foveamask(*command) == 0

    assert all("spot" in pictures for *_, pictures in listed(tmp_path / "r").values())


def test_photos_that_fail_are_on_the_page(tmp_path: Path, data: Path, model: Path):
    (data / "images" / "<b>.png").write_text("no photo")

    status = foveamask(
        "predict", data / "images", tmp_path / "out", "--model", model, "--report", tmp_path / "r"
    )

    assert status == 1
    assert "&lt;b&gt;.png is not an image" in (tmp_path / "r" / "index.html").read_text()


def test_results_and_a_report_need_two_folders(
    tmp_path: Path, data: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"

    assert foveamask("predict", data / "images", out, "--model", model, "--report", out) == 1

    assert "is for results as well" in capsys.readouterr().err


def test_a_resampled_photo_has_no_dice_by_tiles(tmp_path: Path, data: Path, model: Path):
    save_model(replace(unsure_model(), long_side=64), model)

    assert foveamask("evaluate", data, "--model", model, "--report", tmp_path / "r") == 0

    assert "There is no Dice by tiles" in (tmp_path / "r" / "index.html").read_text()

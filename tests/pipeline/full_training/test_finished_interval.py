"""The interval around the expected Dice that the command `train` leaves in its model."""

import json
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.dice_interval import fit_dice_interval
from pipeline.full_training.finishing import fit_interval
from pipeline.full_training.held_out import PhotoResult
from pipeline.model import identity
from pipeline.model_folder import load_model, save_model
from tests.builders import tiny_model
from tests.pipeline.full_training.small_training import NUM_PHOTOS, command


def result(number: int, group: str) -> PhotoResult:
    dice, expected = 0.95 + 0.001 * number, 0.96 + 0.0005 * number
    return PhotoResult(str(number), "a.png", "b.png", group, dice, 0.9, 1.0, expected, 5)


def test_photos_of_enough_groups_give_the_model_an_interval(tmp_path: Path):
    save_model(tiny_model(), tmp_path / "model")
    before = identity(load_model(tmp_path / "model"))
    results = [result(i, f"group {i % 10}") for i in range(20)]

    fit_interval(tmp_path / "model", results)

    model = load_model(tmp_path / "model")
    assert identity(model) == before
    assert model.dice_interval == fit_dice_interval(
        [one.expected_dice for one in results],
        [one.dice for one in results],
        [one.group for one in results],
    )


def test_photos_of_few_groups_give_none_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    save_model(tiny_model(), tmp_path / "model")

    with caplog.at_level("INFO"):
        fit_interval(tmp_path / "model", [result(i, f"group {i % 8}") for i in range(20)])

    assert load_model(tmp_path / "model").dice_interval is None
    assert "takes 9 groups of photos that are held out; `foveamask calibrate`" in caplog.text


@pytest.mark.slow
def test_a_training_on_all_photos_fits_it_to_each_photo_by_a_model_that_did_not_see_it(
    tmp_path: Path,
):
    assert main(command(tmp_path, "--all-photos")) == 0

    scores = json.loads((tmp_path / "run" / "scores.json").read_text())["photos"]
    interval = load_model(tmp_path / "run" / "model").dice_interval
    assert interval is not None
    assert interval.photos == interval.groups == len(scores) == NUM_PHOTOS
    held = [
        low <= photo["dice"] <= high
        for photo in scores
        for low, high in [interval.around(photo["expected_dice"])]
    ]
    assert sum(held) >= 0.9 * NUM_PHOTOS

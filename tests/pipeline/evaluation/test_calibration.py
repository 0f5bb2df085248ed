"""`foveamask calibrate`: the interval around the expected Dice, fitted on photos with masks."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from data.images import read_photo
from data.masks import read_mask
from data.samples import find_samples
from pipeline.dice_interval import fit_dice_interval
from pipeline.evaluation.guard_fit import exact_changes
from pipeline.evaluation.metrics import overlap
from pipeline.inference.segmenter import Segmenter
from pipeline.model import identity
from pipeline.model_folder import load_model, save_model
from refine.guard import LEAST, fit_guard
from tests.builders import (
    CPU,
    car_name,
    foveamask,
    group_name,
    shaded_photo,
    tiny_model,
    write_data,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve cars of two angles each."""
    photos = {
        car_name(car, angle): shaded_photo((64, 96), 2 * car + angle)
        for car in range(12)
        for angle in (1, 2)
    }
    return write_data(tmp_path_factory.mktemp("data"), photos)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    seen = {"groups": [group_name(car) for car in range(2)]}
    save_model(replace(tiny_model(), provenance=seen), tmp_path / "model")
    return tmp_path / "model"


def test_the_interval_is_that_of_the_cars_that_were_not_trained_on(
    data: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    segmenter = Segmenter.from_model(load_model(model), CPU)
    before = identity(segmenter.model)
    expected, true, groups = [], [], []
    for photo in sorted((data / "images").iterdir()):
        if photo.stem.rpartition("_")[0] not in (group_name(0), group_name(1)):
            prediction = segmenter.predict(read_photo(photo))
            expected.append(prediction.predicted_dice)
            true.append(overlap(prediction.mask, read_mask(data / "masks" / photo.name)).dice)
            groups.append(photo.stem.rpartition("_")[0])

    assert foveamask("calibrate", data, model) == 0

    printed = json.loads(capsys.readouterr().out)
    after = load_model(model)
    assert after.dice_interval == fit_dice_interval(expected, true, groups)
    assert identity(after) == before
    assert after.weights() == segmenter.model.weights()
    assert (printed["photos"], printed["groups"]) == (20, 10)
    assert printed["coverage"] == after.dice_interval.coverage
    assert printed["true_dice"] == pytest.approx(np.mean(true))
    assert printed["low_at_mean"] < printed["expected_dice"]


def test_predict_uses_what_calibrate_has_fitted(data: Path, model: Path, tmp_path: Path):
    assert foveamask("calibrate", data, model) == 0
    table = tmp_path / "expected.csv"

    command = ("predict", data / "images", tmp_path / "out", "--model", model)
    assert foveamask(*command, "--expected", table) == 0

    rows = [line.split(",") for line in table.read_text().splitlines()[1:]]
    interval = load_model(model).dice_interval
    assert interval is not None
    for _, expected, low, high, *_ in rows:
        assert (float(low), float(high)) == pytest.approx(
            interval.around(float(expected)), abs=1e-4
        )


def test_the_guard_of_a_refiner_that_is_too_sure_keeps_exact_masks(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    sure = load_model(model)
    assert sure.refiner is not None
    nn.init.normal_(sure.refiner.head.weight, std=20)
    save_model(sure, model)
    refine = ("refine", data / "images", data / "masks", tmp_path / "out", "--model", model)
    assert foveamask(*refine) == 0
    assert "24 of 24 masks stay as they were given" not in capsys.readouterr().err

    assert foveamask("calibrate", data, model) == 0

    guard = load_model(model).guard
    unseen = find_samples(data)[4:]
    changes = exact_changes(unseen, Segmenter.from_model(sure, CPU), lambda *_: None)
    assert guard == fit_guard(changes)
    assert guard.moved > LEAST[0]
    assert json.loads(capsys.readouterr().out)["guard"] == guard.to_json()
    assert foveamask(*refine) == 1  # results of another guard are there
    assert f"guarded from {guard.moved:.3g} and {guard.far:.3g} on" in capsys.readouterr().err
    assert foveamask(*refine, "--overwrite") == 0
    for sample in unseen:
        made = read_mask(tmp_path / "out" / f"{sample.name}.png")
        np.testing.assert_array_equal(made, read_mask(sample.mask))


def test_at_most_forty_photos_spread_over_all_are_refined(data: Path):
    samples = find_samples(data) * 3
    read: list[int] = []

    changes = exact_changes(
        samples, Segmenter.from_model(tiny_model(), CPU), lambda done, _: read.append(done)
    )

    assert len(changes) == read[-1] == 40


def test_too_few_groups_are_counted(data: Path, model: Path, capsys: pytest.CaptureFixture[str]):
    seen = {"groups": [group_name(car) for car in range(4)]}
    save_model(replace(load_model(model), provenance=seen), model)

    assert foveamask("calibrate", data, model) == 1

    error = capsys.readouterr().err
    assert "has photos of 8 groups that the model was not trained on" in error
    assert load_model(model).dice_interval is None


def test_a_model_of_the_package_is_not_changed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)

    assert foveamask("calibrate", data, "carvana") == 1

    assert "the model carvana comes with the package, and is not changed" in capsys.readouterr().err


def test_photos_unlike_those_of_training_are_left_out(
    data: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from pipeline.inference.prediction import Prediction

    def is_known(self: Prediction) -> bool:
        return bool(self.photo.mean() < np.mean([120, 135]))

    monkeypatch.setattr(Prediction, "is_known", property(is_known))

    status = foveamask("calibrate", data, model)

    out, err = capsys.readouterr()
    photos = [read_photo(path) for path in sorted((data / "images").iterdir())[4:]]
    num_known = sum(photo.mean() < 127.5 for photo in photos)
    assert 0 < num_known < 20
    assert f"{20 - num_known} of 20 photos are unlike those" in err
    assert status == 1 or json.loads(out)["photos"] == num_known


def test_the_package_ships_an_interval_of_cars_that_were_not_trained_on():
    interval = load_model("carvana").dice_interval

    assert interval is not None
    assert (interval.level, interval.groups, interval.photos) == (0.9, 15, 232)
    assert interval.coverage >= 0.9

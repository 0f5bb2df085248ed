"""Training and evaluation on polygons: the same, in every weight, as on the masks."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from data.polygons import PolygonName
from pipeline.model_folder import save_model
from tests.builders import (
    SIZE,
    car_name,
    disc,
    foveamask,
    shaded_photo,
    tiny_config,
    tiny_model,
    write_sample,
    write_settings,
)
from tests.polygon_folders import BOW, shape, with_polygons, write_labelme

NUM_CARS = 6


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for car in range(NUM_CARS):
        mask = disc((28 + car, 50 - car), 12 + car) & ~disc((28, 50), 4)
        write_sample(tmp_path / "data", car_name(car), shaded_photo(SIZE, car), mask)
    return tmp_path / "data"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_model(tiny_model(), tmp_path / "model")
    return tmp_path / "model"


def trained(data: Path, run: Path) -> Path:
    settings = write_settings(run.parent / f"{run.name}.toml", tiny_config())
    assert foveamask("train-coarse", data, run, "--config", settings, "--device", "cpu") == 0
    assert foveamask("make-patches", data, run, "--device", "cpu") == 0
    assert foveamask("train-refiner", run, "--device", "cpu") == 0
    return run


def weights(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "model").glob("*.safetensors")}


@pytest.mark.slow
@pytest.mark.parametrize("to", ["labelme", "coco", "yolo"])
def test_polygons_train_the_same_weights_as_masks(tmp_path: Path, data: Path, to: PolygonName):
    polygons = with_polygons(data, tmp_path / "polygons", to)

    by_masks, by_polygons = trained(data, tmp_path / "a"), trained(polygons, tmp_path / "b")

    assert len(weights(by_masks)) == 2
    assert weights(by_masks) == weights(by_polygons)
    patches = [zarr.open_group(run / "patches.zarr", mode="r") for run in (by_masks, by_polygons)]
    for name in patches[0].array_keys():
        arrays = [np.asarray(group[name]) for group in patches]
        np.testing.assert_array_equal(*arrays)


def test_polygons_are_scored_as_masks_are(
    tmp_path: Path, data: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    polygons = with_polygons(data, tmp_path / "polygons", "geojson")

    answers = []
    for folder in (data, polygons):
        assert foveamask("evaluate", folder, "--model", model) == 0
        answers.append(json.loads(capsys.readouterr().out))

    assert answers[0]["photos"] == answers[1]["photos"] == NUM_CARS
    for stage in ("coarse_nearest", "coarse", "refined"):
        assert answers[0][stage] == pytest.approx(answers[1][stage], rel=1e-6)


def test_photos_whose_polygons_cross_themselves_are_left_out_of_a_score(
    tmp_path: Path, data: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    polygons = with_polygons(data, tmp_path / "polygons", "labelme")
    write_labelme(polygons / f"images/{car_name(2)}.json", shape(BOW, "disc"))

    status = foveamask("evaluate", polygons, "--model", model)

    captured = capsys.readouterr()
    assert status == 0
    assert json.loads(captured.out)["photos"] == NUM_CARS - 1
    assert f"left out: {polygons}/images/{car_name(2)}.json: shape 1 cannot be used" in captured.err


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train-coarse", "make-patches"])
def test_a_run_notices_that_polygons_have_changed(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], command: str
):
    polygons = with_polygons(data, tmp_path / "polygons", "coco")
    run = trained(polygons, tmp_path / "run")
    write_sample(data, car_name(1), shaded_photo(SIZE, 1), disc((30, 50), 20))
    shutil.rmtree(polygons)
    with_polygons(data, polygons, "coco")
    capsys.readouterr()

    status = foveamask(command, polygons, run, "--device", "cpu")

    assert status == 1
    assert "Traceback" not in (error := capsys.readouterr().err)
    assert "error: " in error


def test_a_picture_shows_the_difference_from_polygons(tmp_path: Path, data: Path, model: Path):
    polygons = with_polygons(data, tmp_path / "polygons", "coco")
    with_polygons(data, tmp_path / "svg", "svg")
    photos = [data / f"images/{car_name(car)}.png" for car in (0, 1)]
    places = {
        "masks": data / "masks",
        "coco": polygons / "annotations/instances.json",
        "svg": tmp_path / "svg/annotations",
    }

    for name, place in places.items():
        out = tmp_path / f"show-{name}"
        assert foveamask("show", *photos, out, "--mask", place, "--model", model) == 0

    shown = {
        name: {
            path.name: path.read_bytes()
            for path in (tmp_path / f"show-{name}").glob("*_difference.png")
        }
        for name in places
    }
    assert len(shown["masks"]) == 2
    assert shown["coco"] == shown["svg"] == shown["masks"]


def test_one_file_of_labelme_is_not_of_two_photos(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
):
    polygons = with_polygons(data, tmp_path / "polygons", "labelme")
    photos = [data / f"images/{car_name(car)}.png" for car in (0, 1)]
    file = polygons / f"images/{car_name(0)}.json"

    status = foveamask("show", *photos, tmp_path / "out", "--mask", file)

    assert status == 1
    assert "is one mask for 2 photos; name a folder of masks" in capsys.readouterr().err

"""`foveamask audit`: which photos are judged, by which networks, and what is written."""

import csv
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.auditing.honest_models import models_of
from pipeline.model_folder import load_model, save_model
from tests.builders import car_name, foveamask, group_name, tiny_model, write_grey_data


def run_with(folder: Path, **groups: list[int]) -> Path:
    """A run with models by their place, each trained on the cars that are named."""
    for place, cars in groups.items():
        model = replace(tiny_model(), provenance={"groups": [group_name(car) for car in cars]})
        save_model(model, folder / "run" / place.replace("__", "/") / "model")
    return folder / "run"


def judges(folder: Path) -> dict[str, str]:
    with (folder / "audit.csv").open() as file:
        return {row["photo"]: row["judge"] for row in csv.DictReader(file)}


def test_each_mask_is_judged_by_a_network_that_was_not_trained_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_grey_data(tmp_path / "data", 4)
    folds = {"folds_held_out__1": [0, 1, 2], "folds_held_out__2": [2, 3]}
    folds = {name.replace("folds_held_out", "folds-held-out"): v for name, v in folds.items()}
    run = run_with(tmp_path, **folds)
    save_model(
        replace(tiny_model(), provenance={"groups": [group_name(c) for c in range(4)]}),
        run / "model",
    )

    assert foveamask("audit", data, run) == 0

    found = {name: Path(judge).parent.name for name, judge in judges(run / "audit").items()}
    assert found == {car_name(3): "1", car_name(0): "2", car_name(1): "2"}
    said = capsys.readouterr()
    assert "1 of 4 photos are not judged" in said.err
    excluded = tomllib.loads(said.out)["data"]["exclude"]
    assert len(excluded) == 1
    assert (
        tomllib.loads((run / "audit" / "exclude.toml").read_text())["data"]["exclude"] == excluded
    )
    assert (run / "audit" / "report" / "index.html").is_file()


def test_networks_that_saw_all_photos_judge_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_grey_data(tmp_path / "data", 2)
    run = run_with(tmp_path, fold=[0, 1])

    assert foveamask("audit", data, run / "fold" / "model", "--out", tmp_path / "out") == 1

    assert "were trained on all 2 photos" in capsys.readouterr().err


def test_a_packaged_model_needs_a_folder_for_the_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_grey_data(tmp_path / "data", 2)

    assert foveamask("audit", data, "carvana") == 1

    assert "--out DIR" in capsys.readouterr().err


def test_a_judge_of_the_package_is_called_by_its_name(tmp_path: Path):
    assert list(models_of(Path("carvana-base"))) == ["carvana-base"]
    save_model(load_model("carvana-base"), tmp_path / "model")
    assert list(models_of(tmp_path)) == [str(tmp_path / "model")]

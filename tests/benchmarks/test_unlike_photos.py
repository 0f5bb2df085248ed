from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.kept_tables import tables_in
from benchmarks.unlike_photos import app
from pipeline.model_folder import load_model, save_model
from tests.builders import car_name, group_name, shaded_photo, unsure_model, write_data


def test_a_detector_is_fitted_to_the_photos_of_training_and_tells_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    cars = {car_name(car): shaded_photo((96, 128), car) // 8 + 200 for car in range(20)}
    others = {f"other-{i}": shaded_photo((96, 128), i) // 8 for i in range(3)}
    data = write_data(tmp_path / "data", cars)
    unlike = write_data(tmp_path / "unlike", others)
    model = unsure_model()
    seen = {"groups": [group_name(car) for car in range(20)]}
    save_model(replace(model, provenance=seen, long_side=1918), tmp_path / "old")

    app(
        [str(tmp_path / "old"), str(data), "--fit", str(tmp_path / "new")],
        result_action="return_value",
    )
    save_model(replace(load_model(tmp_path / "new"), long_side=128), tmp_path / "new")
    app([str(tmp_path / "new"), str(unlike / "images")], result_action="return_value")

    (printed,) = tables_in(capsys.readouterr().out)
    (row,) = printed.rows
    assert row[:3] == ("images", "3", "3")
    assert 1 < float(row[3]) <= float(row[4]) <= float(row[5])

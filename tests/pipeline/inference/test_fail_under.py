"""`predict --expected` with the ends of its interval, and `--fail-under`."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.dice_interval import DiceInterval
from pipeline.model import Model, identity
from pipeline.model_folder import load_model, save_model
from tests.builders import foveamask
from tests.pipeline.inference.predicting import segmenter_of, visible, write_photos
from tests.pipeline.inference.test_known_photos import bright, mixed
from tests.pipeline.inference.test_known_photos import segmenter_of as segmenter_that_knows

INTERVAL = DiceInterval(-0.5, 0.3, 0.9, 200, 15, 0.94)


def saved(model: Model, folder: Path, interval: DiceInterval | None = INTERVAL) -> Path:
    save_model(replace(model, dice_interval=interval), folder)
    return folder


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open() as file:
        return list(csv.DictReader(file))


def expected_of(tmp_path: Path, model: Path, *options: object) -> list[dict[str, str]]:
    table = tmp_path / "expected.csv"
    command = ("predict", tmp_path / "photos", tmp_path / "out", "--model", model)
    foveamask(*command, "--expected", table, "--overwrite", *options)
    return rows_of(table)


def test_the_table_has_the_ends_of_the_interval(tmp_path: Path):
    write_photos(tmp_path / "photos", 4)
    model = saved(segmenter_of().model, tmp_path / "model")

    rows = expected_of(tmp_path, model)

    assert list(rows[0]) == ["photo", "expected_dice", "low", "high", "known", "detached"]
    for row in rows:
        low, high = INTERVAL.around(float(row["expected_dice"]))
        assert float(row["low"]) == pytest.approx(low, abs=1e-5)
        assert float(row["high"]) == pytest.approx(high, abs=1e-5)
    assert [row["low"] for row in rows] == sorted(row["low"] for row in rows)


def test_an_interval_changes_no_mask_and_no_identity(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 2)
    without = saved(segmenter_of().model, tmp_path / "without", None)
    model = saved(segmenter_of().model, tmp_path / "model")
    out = tmp_path / "out"
    assert foveamask("predict", *photos, out, "--model", without) == 0
    before = visible(out)

    assert foveamask("predict", *photos, out, "--model", model) == 0

    assert visible(out) == before
    assert identity(load_model(without)) == identity(load_model(model))
    assert load_model(model).dice_interval == INTERVAL


@pytest.mark.parametrize(
    "options", [["--stage", "coarse"], ["--budget", "2"], ["--postprocess", "smooth=3"]]
)
def test_masks_that_are_made_otherwise_have_no_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
):
    write_photos(tmp_path / "photos", 2)
    model = saved(segmenter_of().model, tmp_path / "model")

    rows = expected_of(tmp_path, model, *options)

    assert {(row["low"], row["high"]) for row in rows} == {("", "")}
    assert all(row["expected_dice"] for row in rows)
    said = "the interval around the expected Dice is of masks without --stage, --budget and"
    assert said in capsys.readouterr().err
    assert expected_of(tmp_path, model, "--stage", "refined", "--postprocess", "none")[0]["low"]


def test_masks_that_may_be_worse_than_asked_for_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    photos = write_photos(tmp_path / "photos", 5)
    model = saved(segmenter_of().model, tmp_path / "model")
    rows = expected_of(tmp_path, model)
    lows = [float(row["low"]) for row in rows]
    between = (lows[1] + lows[2]) / 2
    command = ("predict", *photos, tmp_path / "out", "--model", model)
    capsys.readouterr()

    status = foveamask(*command, "--fail-under", between)

    out, err = capsys.readouterr()
    assert status == 1
    assert out.splitlines() == [
        f"{tmp_path / 'photos' / row['photo']}: expected Dice {float(row['expected_dice']):.4f} "
        f"({float(row['low']):.4f} to {float(row['high']):.4f})"
        for row in rows[:2]
    ]
    assert f"2 of 5 masks may have a Dice below {between:g}" in err
    assert foveamask(*command, "--fail-under", lows[0] - 1e-5) == 0
    assert capsys.readouterr().out == ""
    assert foveamask(*command, "--fail-under", 1) == 1


def test_without_an_interval_the_expected_dice_decides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    photos = write_photos(tmp_path / "photos", 4)
    model = saved(segmenter_of().model, tmp_path / "model", None)
    rows = expected_of(tmp_path, model)
    assert {(row["low"], row["high"]) for row in rows} == {("", "")}
    dice = [float(row["expected_dice"]) for row in rows]
    capsys.readouterr()

    command = ("predict", *photos, tmp_path / "out", "--model", model)
    status = foveamask(*command, "--fail-under", (dice[0] + dice[1]) / 2)

    out, err = capsys.readouterr()
    assert status == 1
    worst = tmp_path / "photos" / rows[0]["photo"]
    assert out == f"{worst}: expected Dice {dice[0]:.4f}\n"
    assert "the model has no interval around its expected Dice; `foveamask calibrate`" in err
    assert err.count("interval") == 1
    assert foveamask(*command, "--fail-under", dice[0] - 1e-5) == 0


def test_it_needs_no_table_and_records_what_is_expected(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 2)
    model = saved(segmenter_of().model, tmp_path / "model")
    command = ("predict", *photos, tmp_path / "out", "--model", model)

    assert foveamask(*command) == 0  # without: these are made again
    assert foveamask(*command, "--fail-under", 0) == 0
    assert foveamask(*command, "--fail-under", 0) == 0

    calls = json.loads((tmp_path / "out" / "run.json").read_text())["calls"]
    assert [call["done"] for call in calls] == [2, 2, 0]
    assert calls[0]["expected_dice"] is None
    assert 0 < calls[2]["expected_dice"] < 1


def test_a_photo_unlike_those_of_training_is_never_good_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    photos = mixed(tmp_path / "photos")
    known = segmenter_that_knows([bright(seed) for seed in range(20)]).model
    model = saved(known, tmp_path / "model")
    command = ("predict", *photos, tmp_path / "out", "--model", model)

    assert foveamask(*command, "--fail-under", 0) == 1

    assert capsys.readouterr().out == (
        f"{photos[1]}: unlike the photos of training, nothing can be expected\n"
    )
    rows = expected_of(tmp_path, model)
    assert rows[0] | {"detached": "0"} == {
        "photo": "1.png", "expected_dice": "", "low": "", "high": "", "known": "no",
        "detached": "0",
    }  # fmt: skip


@pytest.mark.parametrize("value", ["-0.1", "1.5", "high"])
def test_a_dice_is_from_0_to_1(tmp_path: Path, value: str):
    assert foveamask("predict", tmp_path, tmp_path / "out", "--fail-under", value) == 2


def test_a_table_of_an_earlier_version_is_replaced(tmp_path: Path):
    write_photos(tmp_path / "photos", 1)
    (tmp_path / "expected.csv").write_text("photo,expected_dice,known\na.png,0.9,yes\n")

    rows = expected_of(tmp_path, saved(segmenter_of().model, tmp_path / "model"))

    assert [row["photo"] for row in rows] == ["0000.png"]

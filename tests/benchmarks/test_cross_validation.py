import json
from pathlib import Path

import pytest

from benchmarks import cross_validation
from benchmarks.cross_validation import held_out, table_of_folds
from data.errors import InputError, SettingsError
from data.samples import find_samples
from pipeline.config import Config
from pipeline.model_folder import load_model
from pipeline.training.split import split_samples
from tests.measured import SETTINGS, write_cars

FOLD = {
    "groups": 3,
    "photos": 9,
    "coarse": {"dice": 0.98},
    "tiles": 100.0,
    "refined": {"dice": 0.99, "boundary_error_px": 2.0},
    "gmac": {"refined": 4.0},
}
"""Scores of a fold, as far as the table has them."""


@pytest.mark.slow
def test_each_fold_is_scored_on_what_it_has_not_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data, out = write_cars(tmp_path / "data", angles=2), tmp_path / "out"
    base = tmp_path / "base.toml"
    text = SETTINGS.replace("val_share = 0.3", "split_seed = 1")
    base.write_text(text.replace("batch_size = 2", "batch_size = 2\nepochs = 1") + "epochs = 1\n")

    cross_validation.cross_validation([data], out, base=base, folds=2, only=(1,))
    cross_validation.cross_validation([data], out, base=base, folds=2)

    base.write_text(base.read_text().replace("epochs = 1", "epochs = 2", 1))
    with pytest.raises(InputError, match=r"0/scores\.json is of other photos or settings"):
        cross_validation.cross_validation([data], out, base=base, folds=2)
    groups = []
    for fold in range(2):
        provenance = load_model(out / str(fold) / "model").provenance
        scores = json.loads((out / str(fold) / "scores.json").read_text())
        assert scores["photos"] == 2 * len(provenance["validation_groups"])
        assert not set(provenance["groups"]) & set(provenance["validation_groups"])
        groups += provenance["validation_groups"]
    assert sorted(groups) == sorted({sample.group for sample in find_samples(data)})
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines.count(
            "| fold | groups | photos | coarse | refined | boundary error, px | tiles | GMac |"
        )
        == 2
    )
    assert lines[-2].startswith("| mean ± deviation |")


def test_a_fold_that_there_is_not_is_refused(tmp_path: Path):
    with pytest.raises(SettingsError, match="--only takes folds from 0 to 4"):
        cross_validation.cross_validation([tmp_path], tmp_path / "out", only=(5,))


def test_folds_hold_out_each_photo_once(tmp_path: Path):
    data = write_cars(tmp_path / "data", cars=20, angles=1)

    parts = [split_samples([data], held_out(Config(), fold, 4).data)[1] for fold in range(4)]

    assert sorted(sample for part in parts for sample in part) == find_samples(data)


def test_the_spread_is_over_folds():
    other = FOLD | {"refined": {"dice": 0.994, "boundary_error_px": 1.0}}

    lines = table_of_folds({2: FOLD, 4: other}).splitlines()

    assert [line.split("|")[1] for line in lines[2:4]] == [" 2 ", " 4 "]
    assert lines[2] == "| 2 | 3 | 9 | 0.98000 | 0.99000 | 2.00 | 100 | 4.00 |"
    assert lines[-1].split("|")[5].strip() == "0.99200 ± 0.00283"


def test_a_fold_of_masks_without_a_contour_has_a_dash():
    empty = FOLD | {"refined": {"dice": 0.0, "boundary_error_px": None}}

    lines = table_of_folds({0: empty, 1: FOLD}).splitlines()

    assert [line.split("|")[6].strip() for line in lines[2:5]] == ["-", "2.00", "-"]

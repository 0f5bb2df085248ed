"""The recipe of the package's models, on discs."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks import recipe as recipes
from benchmarks.recipe import FINAL, MIN_FOLDS, longer
from benchmarks.shipping import BASE
from data.errors import InputError, SettingsError
from data.samples import find_samples
from pipeline.config import Config
from pipeline.model import Model, identity
from pipeline.model_folder import load_model
from pipeline.toml_settings import load_settings
from tests.measured import SETTINGS, write_cars

SHIPPED = Path(recipes.__file__).parent


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Cars that are divided into folds, more of them, and those of the base."""
    carvana = write_cars(tmp_path / "carvana", cars=14, angles=1)
    more, small = (renamed(tmp_path / name, letter) for name, letter in (("m", "a"), ("s", "b")))
    return [carvana, more, small]


def renamed(folder: Path, letter: str, cars: int = 4) -> Path:
    """Discs of cars of their own."""
    write_cars(folder, cars=cars, angles=1, seed=ord(letter))
    for path in [*folder.glob("*/*")]:
        path.rename(path.with_name(letter + path.name[1:]))
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    folder = tmp_path / "settings"
    folder.mkdir()
    short = SETTINGS.replace("batch_size = 2", 'batch_size = 4\nepochs = 1\ninit = ""')
    short = short.replace("channels", "epochs = 1\nchannels")
    (folder / f"{BASE}.toml").write_text(short)
    (folder / f"{FINAL}.toml").write_text(short)
    return folder


@pytest.mark.slow
def test_the_recipe_leads_from_nothing_to_the_models_that_ship(
    tmp_path: Path,
    folders: list[Path],
    settings: Path,
    capsys: pytest.CaptureFixture[str],
):
    out = tmp_path / "out"
    stages = ("base", "fold-0", "fold-1", "fold-2", "final")

    with pytest.raises(InputError, match="run the stage base first"):
        recipes.recipe(folders, out, only=("fold-0",), settings=settings)
    recipes.recipe(folders, out, only=stages[:2], settings=settings)
    with pytest.raises(InputError, match="1 folds are finished"):
        recipes.recipe(folders, out, only=("final",), settings=settings)
    recipes.recipe(folders, out, only=stages[2:], settings=settings)
    table = capsys.readouterr().out

    groups = {
        name: {s.group for s in find_samples(f)} for name, f in zip("cms", folders, strict=True)
    }
    base, final = (load_model(out / "weights" / name) for name in (BASE, FINAL))
    assert base.seen < groups["s"]
    assert final.seen == groups["c"] | groups["m"] | groups["s"]
    assert final.provenance["settings"]["coarse"]["init"] == BASE
    for fold in range(3):
        one = load_model(out / f"fold-{fold}" / "model")
        held_out = set(one.provenance["validation_groups"])
        assert held_out
        assert held_out < groups["c"]
        assert one.seen == final.seen - held_out
        scores = json.loads((out / f"fold-{fold}" / "scores.json").read_text())
        assert one.low == scores["thresholds"]["low"]
        assert scores["training_seconds"].keys() == {"coarse", "refiner"}
        shipped = shipped_fold(final, fold)
        assert shipped["refined"]["dice"] == pytest.approx(scores["refined"]["dice"], abs=1e-6)
        assert shipped["model"] == scores["model"] == identity(one)
    assert table.count("| fold |") == 2
    card = (out / "weights" / FINAL / "README.md").read_text()
    assert table[table.rindex("| fold |") :].strip() in card
    assert str(tmp_path) not in card + (out / "weights" / FINAL / "model.json").read_text()

    # Everything is finished: another call changes nothing, and another folder ends the same.
    before = contents(out / "weights")
    recipes.recipe(folders, out, only=stages, settings=settings)
    assert contents(out / "weights") == before
    again, given = tmp_path / "again", out / "weights" / BASE
    recipes.recipe(folders, again, only=("fold-0",), settings=settings, base=given)
    assert contents(again / "weights" / BASE) == contents(given)
    assert identity(load_model(again / "fold-0" / "model")) == shipped_fold(final, 0)["model"]


def shipped_fold(model: Model, fold: int) -> dict[str, Any]:
    scores: dict[str, Any] = model.scores["cross_validation"][str(fold)]
    return scores


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_a_given_base_of_other_photos_or_settings_is_refused(
    tmp_path: Path, folders: list[Path], settings: Path
):
    out = tmp_path / "out"
    recipes.recipe(folders, out, only=("base",), settings=settings)
    given = tmp_path / "given"
    shutil.copytree(out / "weights" / BASE, given)
    carvana, more, _ = folders

    with pytest.raises(InputError, match="trained on other photos"):
        recipes.recipe(
            [carvana, more, renamed(tmp_path / "t", "c")],
            tmp_path / "new",
            only=("base",),
            settings=settings,
            base=given,
        )
    with pytest.raises(InputError, match="trained with other settings"):
        recipes.recipe(
            folders, tmp_path / "new", only=("base",), settings=settings, base=given, times=2
        )


def test_a_stage_that_there_is_not_is_refused(tmp_path: Path, folders: list[Path]):
    with pytest.raises(SettingsError, match=r"no stage fold-9; there are base, fold-0, .*, final"):
        recipes.recipe(folders, tmp_path / "out", only=("fold-9",))


def test_a_longer_recipe_has_so_many_times_the_steps():
    shipped = load_settings(SHIPPED / f"{FINAL}.toml")

    ten = longer(shipped, 10)

    assert ten.coarse.epochs == 10 * shipped.coarse.epochs
    assert ten.refiner.epochs == 10 * shipped.refiner.epochs
    assert longer(ten, 1) == ten


def test_both_networks_begin_with_what_has_seen_no_car_of_any_fold():
    base, final = (load_settings(SHIPPED / f"{name}.toml") for name in (BASE, FINAL))

    assert base.coarse.init == ""
    assert final.coarse.init == BASE
    assert not final.refiner.init
    assert final.tiles.patch_source == "final"  # which no validation car was trained with
    for settings in (base, final):
        assert settings.coarse.epochs or settings.coarse.steps  # `times` multiplies them
        assert settings.data.stretch_to == (1280, 1918)
    assert set(base.data.exclude) < set(final.data.exclude)
    assert final.refiner.epochs or final.refiner.steps
    assert len(final.data.exclude) == 21
    assert MIN_FOLDS >= 3
    assert base.data != Config().data


def test_a_folder_of_photos_alone_is_no_recipe(tmp_path: Path):
    with pytest.raises(SettingsError, match="CARVANA MORE SMALL"):
        recipes.recipe([tmp_path], tmp_path / "out")

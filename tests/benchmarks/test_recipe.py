"""The recipe of the package's models, on discs."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import recipe as recipes
from benchmarks.recipe import MIN_FOLDS
from benchmarks.recipe_plan import FAST, FINAL, ROUND_SETTINGS, STAGES, longer, read_all
from benchmarks.shipping import BASE
from data.errors import InputError, SettingsError
from data.samples import find_samples
from pipeline.config import Config
from pipeline.model import Model, identity
from pipeline.model_folder import load_model, weights_hash
from pipeline.toml_settings import load_settings
from tests.measured import SETTINGS, write_cars

SHIPPED = Path(recipes.__file__).parent


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    return write_folders(tmp_path)


def write_folders(folder: Path) -> list[Path]:
    """Cars that are divided into folds, more of them, and those of the base."""
    carvana = write_cars(folder / "carvana", cars=14, angles=1)
    more, small = (renamed(folder / name, letter) for name, letter in (("m", "a"), ("s", "b")))
    return [carvana, more, small]


def renamed(folder: Path, letter: str, cars: int = 4) -> Path:
    """Discs of cars of their own."""
    write_cars(folder, cars=cars, angles=1, seed=ord(letter))
    for path in [*folder.glob("*/*")]:
        path.rename(path.with_name(letter + path.name[1:]))
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return write_all_settings(tmp_path / "settings")


def write_all_settings(folder: Path) -> Path:
    folder.mkdir()
    short = SETTINGS.replace("batch_size = 2", 'batch_size = 4\nepochs = 1\ninit = ""')
    short = short.replace("channels", "epochs = 1\nchannels")
    (folder / f"{BASE}.toml").write_text(short)
    (folder / f"{FINAL}.toml").write_text(short)
    (folder / f"{FAST}.toml").write_text("[refiner]\ndepths = [0, 1, 1, 1]\n")
    (folder / f"{ROUND_SETTINGS}.toml").write_text("[coarse]\nepochs = 2\n")
    return folder


FIRST_STAGES = ("base", "fold-0", "fold-1", "fold-2", "round-1", "round-2", "round-3", "final")


@dataclass(frozen=True)
class Finished:
    """What the recipe has made in `out`."""

    folders: list[Path]
    settings: Path
    out: Path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A recipe whose first stages are done, and which was asked for others too early."""
    folder = tmp_path_factory.mktemp("recipe")
    folders, settings = write_folders(folder), write_all_settings(folder / "settings")
    out = folder / "out"
    with pytest.raises(InputError, match="run the stage base first"):
        recipes.recipe(folders, out, only=("fold-0",), settings=settings)
    recipes.recipe(folders, out, only=FIRST_STAGES[:2], settings=settings)
    with pytest.raises(InputError, match="run the stage round-1 first"):
        recipes.recipe(folders, out, only=("round-2",), settings=settings)
    recipes.recipe(folders, out, only=("round-1",), settings=settings)
    with pytest.raises(InputError, match="run the stage round-3 first"):
        recipes.recipe(folders, out, only=("final",), settings=settings)
    recipes.recipe(folders, out, only=("round-2", "round-3"), settings=settings)
    with pytest.raises(InputError, match="1 folds are finished"):
        recipes.recipe(folders, out, only=("final",), settings=settings)
    recipes.recipe(folders, out, only=("fold-1", "fold-2", "final"), settings=settings)
    return Finished(folders, settings, out)


@pytest.mark.slow
def test_the_recipe_leads_from_nothing_to_the_models_that_ship(finished: Finished):
    out = finished.out
    groups = {
        name: {sample.group for sample in find_samples(folder)}
        for name, folder in zip("cms", finished.folders, strict=True)
    }
    base, final = (load_model(out / "weights" / name) for name in (BASE, FINAL))
    assert base.seen < groups["s"]
    assert final.seen == groups["c"] | groups["m"] | groups["s"]
    assert final.provenance["settings"]["coarse"]["init"] == BASE
    assert final.provenance["settings"]["coarse"]["epochs"] == 2
    first, last = (out / f"round-{number}" / "model" for number in (2, 3))
    assert weights_hash(first) != weights_hash(last) == weights_hash(out / "weights" / FINAL)
    assert load_model(last).provenance["settings"]["coarse"]["init"] == str(first)
    for fold in range(3):
        one = load_model(out / f"fold-{fold}" / "model")
        held_out = set(one.provenance["validation_groups"])
        assert held_out
        assert held_out < groups["c"]
        assert one.seen == final.seen - held_out
        scores = scores_in(out / f"fold-{fold}")
        assert one.low == scores["thresholds"]["low"]
        assert scores["training_seconds"].keys() == {"coarse", "refiner"}
        shipped = shipped_fold(final, fold)
        assert shipped["refined"]["dice"] == pytest.approx(scores["refined"]["dice"], abs=1e-6)
        assert shipped["model"] == scores["model"] == identity(one)
    table = (out / "cross_validation.md").read_text()
    card = (out / "weights" / FINAL / "README.md").read_text()
    assert table.startswith("| fold |")
    assert table.strip() in card
    assert "trained in one round of more epochs, that of the model in 3." in " ".join(card.split())
    assert "| rounds | 3 of the coarse network" in card
    assert str(out.parent) not in card + (out / "weights" / FINAL / "model.json").read_text()


@pytest.mark.slow
def test_another_call_changes_nothing_and_another_folder_ends_the_same(
    finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folders, settings, out = finished.folders, finished.settings, finished.out
    before = contents(out / "weights")

    recipes.recipe(folders, out, only=FIRST_STAGES, settings=settings)

    assert contents(out / "weights") == before
    assert (out / "cross_validation.md").read_text() in capsys.readouterr().out
    given = out / "weights" / BASE
    recipes.recipe(folders, tmp_path, only=("fold-0",), settings=settings, base=given)
    assert contents(tmp_path / "weights" / BASE) == contents(given)
    first, again = (load_model(folder / "fold-0" / "model") for folder in (out, tmp_path))
    assert identity(again) == identity(first)


@pytest.mark.slow
def test_the_faster_relative_has_the_same_coarse_networks(finished: Finished):
    folders, settings, out = finished.folders, finished.settings, finished.out
    before = contents(out / "weights")
    stages = ("fold-0-fast", "fold-1-fast", "fold-2-fast", "final-fast")
    with pytest.raises(InputError, match=r"0 folds .* --only fold-0-fast"):
        recipes.recipe(folders, out, only=("final-fast",), settings=settings)
    with pytest.raises(
        InputError, match=r"fold-3 has no patches to train on yet; run --only fold-3 first"
    ):
        recipes.recipe(folders, out, only=("fold-3-fast",), settings=settings)

    recipes.recipe(folders, out, only=stages, settings=settings)

    fast, final = (load_model(out / "weights" / name) for name in (FAST, FINAL))
    assert weights_hash(out / "weights" / FAST) == weights_hash(out / "weights" / FINAL)
    assert fast.seen == final.seen
    assert fast.refiner is not None
    assert fast.refiner.depths[0] == 0
    scores = scores_in(out / "fold-0-fast")
    assert shipped_fold(fast, 0)["model"] == scores["model"] != shipped_fold(final, 0)["model"]
    assert scores["training_seconds"].keys() == {"refiner"}
    assert (out / "cross_validation-fast.md").read_text().startswith("| fold |")
    assert contents(out / "weights") == before | contents(out / "weights", FAST)


def scores_in(run: Path) -> dict[str, Any]:
    scores: dict[str, Any] = json.loads((run / "scores.json").read_text())
    return scores


def shipped_fold(model: Model, fold: int) -> dict[str, Any]:
    scores: dict[str, Any] = model.scores["cross_validation"][str(fold)]
    return scores


def contents(folder: Path, only: str = "") -> dict[str, bytes]:
    """Every file in `folder`, or in one folder in it, by its path."""
    paths = [path for path in (folder / only).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


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


def test_the_faster_relative_differs_in_its_refiner_alone():
    settings = read_all(SHIPPED, 1)

    fast, final = settings[FAST], settings[FINAL]
    assert fast.refiner.depths[0] == 0
    assert replace(fast, refiner=final.refiner) == final
    same = {"channels": final.refiner.channels, "depths": final.refiner.depths}
    assert replace(fast.refiner, **same) == final.refiner


def test_stages_are_in_an_order_in_which_they_can_run():
    folds = [f"fold-{fold}" for fold in range(5)]
    fast = [f"{stage}-fast" for stage in (*folds, "final")]

    assert list(STAGES) == ["base", *folds, "round-1", "round-2", "round-3", "final", *fast]


def test_a_folder_of_photos_alone_is_no_recipe(tmp_path: Path):
    with pytest.raises(SettingsError, match="CARVANA MORE SMALL"):
        recipes.recipe([tmp_path], tmp_path / "out")

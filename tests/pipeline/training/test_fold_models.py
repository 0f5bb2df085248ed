"""No patch of a training photo comes from a network that has seen its car."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from coarse.enet import ENet
from data.errors import InputError, SettingsError
from data.geometry import Fovea
from data.masks import write_mask
from data.samples import Sample, find_samples
from pipeline import model as models
from pipeline.cli import main
from pipeline.config import CoarseConfig, Config, DataConfig, TilesConfig
from pipeline.inference.segmenter import Proposal, Segmenter
from pipeline.model import Model
from pipeline.training import checkpoint, fold_models, patch_extraction, run_folder
from pipeline.training.coarse_training import check_init, split_samples

SETTINGS = """
[data]
long_side = 64
validation = 0.3
[coarse]
epochs = 1
batch_size = 4
workers = 0
precision = "fp32"
[tiles]
side = 8
train_budget = 20
[refiner]
epochs = 1
batch_size = 16
channels = [4, 4, 4]
depths = [1, 1, 1]
"""


def write_data(folder: Path, cars: int = 12, size: tuple[int, int] = (48, 64)) -> Path:
    """Photos of discs, brighter than what is around them."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    for car in range(cars):
        random = np.random.default_rng(car)
        mask = np.zeros(size, np.uint8)
        cv2.circle(mask, (size[1] // 2, size[0] // 2), 10 + car % 5, 1, -1)
        photo = 80 * mask[..., None] + random.integers(0, 80, (*size, 3), np.uint8)
        cv2.imwrite(str(folder / "images" / f"{car:012x}_01.png"), photo)
        write_mask(folder / "masks" / f"{car:012x}_01.png", mask > 0)
    return folder


def foveamask(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, and a run with three folds."""
    root = tmp_path_factory.mktemp("out_of_fold")
    write_data(root / "data")
    (root / "settings.toml").write_text(SETTINGS)
    arguments = [root / "data", root / "run", "--config", root / "settings.toml", "--folds", 3]
    assert foveamask("train-coarse", *arguments) == 0
    return root


def test_each_patch_is_cut_by_a_network_that_has_not_seen_its_car(
    trained: Path, monkeypatch: pytest.MonkeyPatch
):
    cut: dict[int, tuple[set[str], int]] = {}
    propose = Segmenter.propose

    def spied(self: Segmenter, photo: np.ndarray, budget: int | None = None) -> Proposal:
        provenance = self.model.provenance
        cut[int(photo.sum())] = (set(provenance["groups"]), provenance["photos"])
        return propose(self, photo, budget)

    monkeypatch.setattr(Segmenter, "propose", spied)

    assert foveamask("make-patches", trained / "data", trained / "run") == 0

    kept, held_out = split_samples([trained / "data"], DataConfig(long_side=64, validation=0.3))
    for sample in kept + held_out:
        photo = cv2.imread(str(sample.photo))
        groups, num_photos = cut[int(photo.sum())]
        assert sample.group not in groups
        assert (num_photos == len(kept)) == (sample in held_out)
    assert len(cut) == 12


def test_a_network_is_made_ready_once_however_many_photos_it_cuts(
    trained: Path, monkeypatch: pytest.MonkeyPatch
):
    made: list[Segmenter] = []

    class Counted(Segmenter):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(patch_extraction, "Segmenter", Counted)
    run = trained / "once"
    shutil.copytree(trained / "run", run, ignore=shutil.ignore_patterns("patches.zarr"))

    assert foveamask("make-patches", trained / "data", run) == 0

    assert len(made) == 4  # three folds, and the network itself for what is held out


@pytest.mark.slow
def test_a_model_knows_the_groups_that_its_refiner_alone_has_seen(tmp_path: Path):
    small, large = write_data(tmp_path / "small", cars=8), write_data(tmp_path / "large", cars=8)
    for path in [*large.glob("*/*")]:
        path.rename(path.with_name("f" + path.name[1:]))
    (tmp_path / "settings.toml").write_text(SETTINGS)
    run = tmp_path / "run"
    assert foveamask("train-coarse", small, run, "--config", tmp_path / "settings.toml") == 0

    assert foveamask("make-patches", large, run) == 0
    assert foveamask("train-refiner", run) == 0

    config = DataConfig(long_side=64, validation=0.3)
    learnt = [*split_samples([small], config)[0], *split_samples([large], config)[0]]
    groups = models.load(run / "model").provenance["groups"]
    assert set(groups) == {sample.group for sample in learnt}


def test_patches_are_stale_once_other_networks_cut_them(trained: Path):
    run = trained / "run"

    by_folds = fold_models.weights_hash(run, Config(coarse=CoarseConfig(folds=3)))
    by_itself = fold_models.weights_hash(run, Config(tiles=TilesConfig(cut_by="own")))

    assert by_itself == models.weights_hash(run / "model")
    assert by_folds != by_itself


def test_folds_that_are_not_trained_yet_are_asked_for(trained: Path):
    with pytest.raises(
        InputError, match=r"folds/0-of-4/model is not there; run `foveamask train-coarse"
    ):
        fold_models.weights_hash(trained / "run", Config(coarse=CoarseConfig(folds=4)))
    with pytest.raises(InputError, match="has no folds"):
        fold_models.weights_hash(trained / "run", Config(tiles=TilesConfig(cut_by="folds")))
    with pytest.raises(InputError, match=r"has no coarse\.init"):
        fold_models.weights_hash(trained / "run", Config(tiles=TilesConfig(cut_by="init")))


def test_folds_leave_each_group_out_once(trained: Path):
    samples = find_samples(trained / "data")

    parts = fold_models.parts(samples, Config(coarse=CoarseConfig(folds=3)))

    assert sorted(sample for _, unseen in parts for sample in unseen) == samples
    for others, unseen in parts:
        assert sorted(others + unseen) == samples
        assert not {s.group for s in others} & {s.group for s in unseen}


def test_more_folds_than_groups_are_refused(trained: Path):
    samples = find_samples(trained / "data")

    with pytest.raises(InputError, match="with 50 folds some of them have none of the 12 groups"):
        fold_models.parts(samples, Config(coarse=CoarseConfig(folds=50)))


def test_one_fold_is_refused():
    with pytest.raises(SettingsError, match=r"coarse\.folds = 1 would leave nothing"):
        CoarseConfig(folds=1)


def model_that_knows(*groups: str) -> Model:
    torch.manual_seed(0)
    return Model(ENet(), None, Fovea(8), 0.05, 0.95, 64, provenance={"groups": list(groups)})


def test_a_network_that_knows_the_car_never_cuts_its_patches():
    sample = Sample("a_01", Path("a.png"), Path("b.png"), "a", Path())
    own = model_that_knows("a")

    cutters = fold_models.UnseenModels(own, (model_that_knows("b", "a"),), split_seed=0)

    with pytest.raises(InputError, match="a_01 would be held out, but the coarse"):
        cutters.of(sample, held_out=True)
    with pytest.raises(
        InputError, match="is to cut the patches of a_01 has learnt from photos of a"
    ):
        cutters.of(sample, held_out=False)


def test_training_begins_with_the_weights_of_another_model(tmp_path: Path):
    data = write_data(tmp_path / "data")
    more = write_data(tmp_path / "more", cars=3)
    for path in [*more.glob("*/*")]:
        path.rename(path.with_name("f" + path.name[1:]))
    (tmp_path / "settings.toml").write_text(SETTINGS)
    first, second = tmp_path / "first", tmp_path / "second"
    assert foveamask("train-coarse", data, first, "--config", tmp_path / "settings.toml") == 0
    begun = SETTINGS.replace("[coarse]", f'[coarse]\ninit = "{first / "model"}"\nlr = 1e-12')
    (tmp_path / "begun.toml").write_text(begun.replace("epochs = 1\nb", "epochs = 1\nema = 0\nb"))

    assert foveamask("train-coarse", data, more, second, "--config", tmp_path / "begun.toml") == 0

    old, new = models.load(first / "model"), models.load(second / "model")
    for (name, a), b in zip(old.coarse.named_parameters(), new.coarse.parameters(), strict=True):
        torch.testing.assert_close(a, b, msg=name, atol=1e-6, rtol=0)
    assert set(old.provenance["groups"]) <= set(new.provenance["groups"])
    assert any(group.startswith("f") for group in new.provenance["groups"])


def test_weights_that_know_what_is_held_out_are_refused(tmp_path: Path):
    models.save(model_that_knows("a", "b"), tmp_path)
    held_out = [Sample("a_01", Path("a.png"), Path("b.png"), "a", Path())]
    config = CoarseConfig(init=str(tmp_path))

    with pytest.raises(InputError, match=r"coarse\.init has learnt from 1 groups .*\(a\).*; do so"):
        check_init("coarse.init", config, held_out, "do so")
    check_init("coarse.init", config, [replace(held_out[0], group="c")], "do so")


def test_weights_of_another_network_are_refused(tmp_path: Path):
    models.save(model_that_knows(), tmp_path)
    config = CoarseConfig(init=str(tmp_path), unpool="nearest")

    with pytest.raises(InputError, match=r"fold_init .*'indices'.* ask for enet .*'nearest'"):
        check_init("coarse.fold_init", config, [], "")


@pytest.mark.slow
def test_photos_squashed_for_storage_are_learnt_from_and_give_no_patches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    squashed = write_data(tmp_path / "data", cars=8, size=(32, 32))
    settings = SETTINGS.replace("[data]", "[data]\nstretch_to = [48, 64]")
    (tmp_path / "settings.toml").write_text(settings)
    run = tmp_path / "run"
    assert foveamask("train-coarse", squashed, run, "--config", tmp_path / "settings.toml") == 0

    status = foveamask("make-patches", squashed, run)

    assert status == 1
    message = capsys.readouterr().err
    assert "8 photos, such as" in message
    assert "are not 48 x 64 (data.stretch_to)" in message


def test_begun_folds_are_continued_and_other_numbers_of_folds_are_others(trained: Path):
    run = trained / "run"
    before = {path: path.stat().st_mtime_ns for path in run.rglob("best.pt")}

    assert foveamask("train-coarse", trained / "data", run, "--folds", 2) == 0

    assert len(before) == 4
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list(run.rglob("best.pt"))) == 6
    assert foveamask("train-coarse", trained / "data", run, "--folds", 3) == 0


def test_folds_of_weights_that_know_the_photos_are_refused_before_any_work(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    begun = SETTINGS.replace("[coarse]", f'[coarse]\ninit = "{trained / "run" / "model"}"')
    (tmp_path / "begun.toml").write_text(begun)
    arguments = [trained / "data", tmp_path / "run", "--config", tmp_path / "begun.toml"]

    status = foveamask("train-coarse", *arguments, "--folds", 2)

    assert status == 1
    assert "take coarse.folds away" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_folds_that_cannot_begin_with_their_model_are_refused_before_any_work(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    models.save(replace(model_that_knows(), coarse=ENet(unpool="nearest")), tmp_path / "other")
    folds = f'[coarse]\nfolds = 2\nfold_init = "{tmp_path / "other"}"'
    (tmp_path / "settings.toml").write_text(SETTINGS.replace("[coarse]", folds))

    arguments = [trained / "data", tmp_path / "run", "--config", tmp_path / "settings.toml"]
    assert foveamask("train-coarse", *arguments) == 1

    assert "coarse.fold_init is a model of enet" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_folds_may_begin_with_another_model_for_fewer_epochs_and_leave_out_what_it_knows(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    small = write_data(tmp_path / "small")
    for path in [*small.glob("*/*")]:
        path.rename(path.with_name("f" + path.name[1:]))
    (tmp_path / "base.toml").write_text(SETTINGS)
    assert (
        foveamask("train-coarse", small, tmp_path / "base", "--config", tmp_path / "base.toml") == 0
    )
    base = models.load(tmp_path / "base" / "model")
    folds = f'epochs = 2\nfolds = 2\nfold_epochs = 1\nfold_init = "{tmp_path / "base" / "model"}"'
    (tmp_path / "settings.toml").write_text(SETTINGS.replace("epochs = 1", folds, 1))
    run = tmp_path / "run"

    arguments = [trained / "data", small, run, "--config", tmp_path / "settings.toml"]
    assert foveamask("train-coarse", *arguments) == 0
    assert foveamask("make-patches", small, trained / "data", run) == 1
    assert "perhaps as coarse.init or coarse.fold_init" in capsys.readouterr().err
    assert foveamask("make-patches", trained / "data", run) == 0

    kept, held_out = split_samples([trained / "data"], DataConfig(long_side=64, validation=0.3))
    left_out = set()
    for fold in range(2):
        folder = fold_models.folder(run, fold, 2)
        seen = models.load(folder / "model").seen
        assert base.seen <= seen
        assert not seen & {sample.group for sample in held_out}
        assert checkpoint.read(folder / "coarse" / "last.pt")["epoch"] == 1
        left_out |= {sample.group for sample in kept} - seen
    assert left_out == {sample.group for sample in kept}
    assert checkpoint.read(run / "coarse" / "last.pt")["epoch"] == 2


def test_the_number_of_folds_is_recorded(trained: Path):
    config = run_folder.resolve(trained / "run", None, (), {})

    assert config.coarse.folds == 3

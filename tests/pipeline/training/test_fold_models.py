"""No patch of a training photo comes from a network that was trained on its car."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from data.datasets.coarse_dataset import CoarsePair, load_pairs
from data.errors import InputError, SettingsError
from data.masks import write_mask
from data.samples import Sample, find_samples
from pipeline.config import CoarseConfig, Config, DataConfig, TilesConfig
from pipeline.inference.segmenter import Proposal, Segmenter
from pipeline.model_folder import load_model, weights_hash
from pipeline.training import coarse_training, fold_models, patch_extraction, run_folder
from pipeline.training.split import split_samples
from tests.builders import foveamask, model_trained_on

SETTINGS = """
[data]
long_side = 64
val_share = 0.3
[coarse]
init = ""
epochs = 1
batch_size = 4
num_workers = 0
precision = "fp32"
[tiles]
side = 8
max_patches_per_photo = 20
[refiner]
init = ""
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


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("folds")
    write_data(root / "data")
    (root / "settings.toml").write_text(SETTINGS)
    arguments = [root / "data", root / "run", "--config", root / "settings.toml", "--folds", 3]
    assert foveamask("train-coarse", *arguments) == 0
    return root


@pytest.fixture
def trained(shared: Path, tmp_path: Path) -> Path:
    """A folder with data, and a run with three folds, each time as if it were trained anew."""
    root = tmp_path / "trained"
    shutil.copytree(shared, root)
    return root


def test_each_patch_is_extracted_by_a_network_that_was_not_trained_on_its_car(
    trained: Path, monkeypatch: pytest.MonkeyPatch
):
    cut: dict[int, tuple[set[str], int]] = {}
    propose = Segmenter.propose

    def spied(
        self: Segmenter, photos: Sequence[np.ndarray], *arguments: Any, **named: Any
    ) -> Proposal:
        provenance = self.model.provenance
        for photo in photos:
            cut[int(photo.sum())] = (set(provenance["groups"]), provenance["photos"])
        return propose(self, photos, *arguments, **named)

    monkeypatch.setattr(Segmenter, "propose", spied)

    assert foveamask("make-patches", trained / "data", trained / "run") == 0

    kept, held_out = split_samples([trained / "data"], DataConfig(long_side=64, val_share=0.3))
    for sample in kept + held_out:
        photo = cv2.imread(str(sample.photo))
        groups, num_photos = cut[int(photo.sum())]
        assert sample.group not in groups
        assert (num_photos == len(kept)) == (sample in held_out)
    assert len(cut) == 12


def test_a_network_is_made_ready_once_however_many_photos_it_is_for(
    trained: Path, monkeypatch: pytest.MonkeyPatch
):
    made: list[Segmenter] = []

    class Counted(Segmenter):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(patch_extraction, "Segmenter", Counted)

    assert foveamask("make-patches", trained / "data", trained / "run") == 0

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

    config = DataConfig(long_side=64, val_share=0.3)
    learnt = [*split_samples([small], config)[0], *split_samples([large], config)[0]]
    groups = load_model(run / "model").provenance["groups"]
    assert set(groups) == {sample.group for sample in learnt}


def test_patches_are_stale_once_they_come_from_other_networks(trained: Path):
    run = trained / "run"

    by_folds = fold_models.unseen_weights_hash(run, config_of(folds=3))
    by_itself = fold_models.unseen_weights_hash(run, Config(coarse=CoarseConfig(folds=3)))

    assert by_itself == weights_hash(run / "model")
    assert by_folds != by_itself


def config_of(*, folds: int) -> Config:
    """Settings whose patches come from the networks of folds."""
    return Config(coarse=CoarseConfig(folds=folds), tiles=TilesConfig(patch_source="folds"))


def test_folds_that_are_not_trained_yet_are_asked_for(trained: Path):
    with pytest.raises(
        InputError, match=r"folds/0-of-4/model is missing; run `foveamask train-coarse"
    ):
        fold_models.unseen_weights_hash(trained / "run", config_of(folds=4))
    with pytest.raises(InputError, match=r'"folds", but .* has none; run .* --folds 5`'):
        fold_models.unseen_weights_hash(trained / "run", config_of(folds=0))


def test_folds_leave_each_group_out_once(trained: Path):
    samples = find_samples(trained / "data")

    splits = fold_models.fold_splits(samples, Config(coarse=CoarseConfig(folds=3)))

    assert sorted(sample for _, unseen in splits for sample in unseen) == samples
    for others, unseen in splits:
        assert sorted(others + unseen) == samples
        assert not {s.group for s in others} & {s.group for s in unseen}


def test_more_folds_than_groups_are_refused(trained: Path):
    samples = find_samples(trained / "data")

    with pytest.raises(InputError, match="50 folds of 12 training groups leave a fold empty"):
        fold_models.fold_splits(samples, Config(coarse=CoarseConfig(folds=50)))


def test_one_fold_is_refused():
    with pytest.raises(SettingsError, match=r"folds = 1 would leave nothing"):
        CoarseConfig(folds=1)


def test_a_network_that_was_trained_on_a_car_never_extracts_its_patches():
    sample = Sample("a_01", Path("a.png"), Path("b.png"), "a", Path())
    own = model_trained_on("a")

    unseen = fold_models.UnseenModels(own, (model_trained_on("b", "a"),), split_seed=0)

    with pytest.raises(InputError, match="a_01 is a validation photo, but the coarse network was"):
        unseen.for_sample(sample, is_validation=True)
    with pytest.raises(
        InputError, match="would extract the patches of a_01 was trained on its group a"
    ):
        unseen.for_sample(sample, is_validation=False)


def test_training_is_initialised_from_another_model(tmp_path: Path):
    data = write_data(tmp_path / "data")
    more = write_data(tmp_path / "more", cars=3)
    for path in [*more.glob("*/*")]:
        path.rename(path.with_name("f" + path.name[1:]))
    (tmp_path / "settings.toml").write_text(SETTINGS)
    first, second = tmp_path / "first", tmp_path / "second"
    assert foveamask("train-coarse", data, first, "--config", tmp_path / "settings.toml") == 0
    begun = SETTINGS.replace('init = ""', f'init = "{first / "model"}"\nlr = 1e-12', 1)
    (tmp_path / "begun.toml").write_text(
        begun.replace("epochs = 1\nb", "epochs = 1\nema_decay = 0\nb")
    )

    assert foveamask("train-coarse", data, more, second, "--config", tmp_path / "begun.toml") == 0

    old, new = load_model(first / "model"), load_model(second / "model")
    for (name, a), b in zip(old.coarse.named_parameters(), new.coarse.parameters(), strict=True):
        torch.testing.assert_close(a, b, msg=name, atol=1e-6, rtol=0)
    assert set(old.provenance["groups"]) <= set(new.provenance["groups"])
    assert any(group.startswith("f") for group in new.provenance["groups"])


@pytest.mark.slow
def test_photos_of_another_aspect_ratio_are_trained_on_and_give_no_patches(
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


def test_folds_initialised_from_a_model_of_the_same_photos_are_refused_before_any_work(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    begun = SETTINGS.replace('init = ""', f'init = "{trained / "run" / "model"}"', 1)
    (tmp_path / "begun.toml").write_text(begun)
    arguments = [trained / "data", tmp_path / "run", "--config", tmp_path / "begun.toml"]

    status = foveamask("train-coarse", *arguments, "--folds", 2)

    assert status == 1
    assert "or set coarse.folds = 0" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_photos_are_read_once_for_all_folds(trained: Path, monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []

    def counted(samples: list[Sample], *arguments: Any) -> list[CoarsePair]:
        read.extend(sample.name for sample in samples)
        return load_pairs(samples, *arguments)

    monkeypatch.setattr(coarse_training, "load_pairs", counted)

    assert foveamask("train-coarse", trained / "data", trained / "run") == 0

    assert sorted(read) == [sample.name for sample in find_samples(trained / "data")]


def test_folds_chosen_on_the_command_line_are_recorded_with_what_they_are_for(trained: Path):
    config = run_folder.read_settings(trained / "run", None, "train-refiner")

    assert config.coarse.folds == 3
    assert config.tiles.patch_source == "folds"


def test_unused_folds_are_said(trained: Path, capsys: pytest.CaptureFixture[str]):
    (trained / "final.toml").write_text('[tiles]\npatch_source = "final"\n')
    arguments = [trained / "data", trained / "run", "--config", trained / "final.toml"]

    assert foveamask("make-patches", *arguments) == 0

    assert "the networks of coarse.folds = 3 are not used" in capsys.readouterr().err

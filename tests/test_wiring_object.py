"""The setting `data.object` reaches everything that reads masks."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image

from pipeline.config import Config
from pipeline.model_folder import load_model, save_model, weights_hash
from pipeline.training.patches import patch_settings
from tests.builders import (
    Mask,
    foveamask,
    middle_disc,
    shaded_photo,
    tiny_config,
    tiny_model,
    with_data,
    write_settings,
)

SIZE = 64, 96

CHOSEN = (1, 2)


def classes(seed: int) -> np.ndarray:
    """Background 0, object 1 and 2, and class 3, which is no object."""
    shift = np.random.default_rng(seed).integers(-8, 9, 2)
    result = np.roll(middle_disc(SIZE), shift, axis=(0, 1)).astype(np.uint8)
    result[:, 48:] *= 2
    result[:6, :6] = 3
    return result


def object_of(seed: int) -> Mask:
    return np.isin(classes(seed), CHOSEN)


def write_photos(folder: Path, masks: dict[str, np.ndarray]) -> Path:
    for i, (stem, mask) in enumerate(masks.items()):
        for name, picture in (("images", shaded_photo(SIZE, i)), ("masks", mask)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(folder / name / f"{stem}.png")
    return folder


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Photos whose masks are of classes."""
    return write_photos(tmp_path / "labelled", {f"p{i}": classes(i) for i in range(8)})


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """The same photos with masks of the classes 1 and 2 together."""
    return write_photos(tmp_path / "plain", {f"p{i}": object_of(i) for i in range(8)})


def chosen_config() -> Config:
    return with_data(tiny_config(), object=CHOSEN)


def run(data: Path, folder: Path, config: Config) -> Path:
    """Train both stages but for the refiner, and return the folder of the run."""
    settings = write_settings(folder.with_suffix(".toml"), config)
    assert foveamask("train-coarse", data, folder, "--config", settings) == 0
    assert foveamask("make-patches", data, folder) == 0
    return folder


def test_a_run_on_classes_is_that_on_the_masks_of_the_chosen_ones(
    labelled: Path, plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    one = run(labelled, tmp_path / "one", chosen_config())
    other = run(plain, tmp_path / "other", tiny_config())

    capsys.readouterr()
    scores = []
    for data, folder in ((labelled, one), (plain, other)):
        model = folder / "model"
        assert foveamask("evaluate", data, "--model", model, "--split", "all") == 0
        scores.append(json.loads(capsys.readouterr().out) | {"model": ""})
    assert weights_hash(one / "model") == weights_hash(other / "model")
    for name in ("target", "tile", "full"):
        stores = [zarr.open_group(folder / "patches.zarr", mode="r") for folder in (one, other)]
        np.testing.assert_array_equal(*(store[name][:] for store in stores))
    for stage in ("coarse", "coarse_nearest"):
        assert scores[0].pop(stage) == pytest.approx(scores[1].pop(stage))
    assert scores[0] == scores[1]


def test_without_the_setting_classes_are_refused_and_the_setting_is_named(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    settings = write_settings(tmp_path / "settings.toml", tiny_config())

    status = foveamask("train-coarse", labelled, tmp_path / "run", "--config", settings)

    err = capsys.readouterr().err
    assert status == 1
    assert "p0.png has 4 values (0, 1, 2, 3); a mask has two" in err
    assert 'data.object = "not 0"' in err


def test_values_that_are_nowhere_are_refused(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    settings = write_settings(tmp_path / "settings.toml", with_data(tiny_config(), object=(9,)))

    assert foveamask("train-coarse", labelled, tmp_path / "run", "--config", settings) == 1

    assert "data.object = [9] finds no object in any of the 8 masks" in capsys.readouterr().err


def test_a_run_keeps_to_the_object_that_it_was_started_with(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = run(labelled, tmp_path / "run", chosen_config())
    settings = write_settings(tmp_path / "other.toml", with_data(tiny_config(), object=("not 0",)))

    assert foveamask("train-coarse", labelled, folder, "--config", settings) == 1

    assert "was started with other values of data.object" in capsys.readouterr().err


def test_patches_depend_on_the_object():
    one, other = (with_data(tiny_config(), object=object_) for object_ in (("not 0",), (1,)))

    assert patch_settings(one) != patch_settings(other)


@pytest.mark.parametrize("is_given", [True, False])
def test_evaluate_reads_masks_as_the_model_was_trained_or_as_it_is_told(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], is_given: bool
):
    """A model knows the object that it was trained on; settings override that."""
    known = ["not 0"] if is_given else list(CHOSEN)
    model = replace(tiny_model(refined=False), provenance={"settings": {"data": {"object": known}}})
    save_model(model, tmp_path / "model")
    settings = write_settings(tmp_path / "settings.toml", chosen_config())
    options = ("--config", settings) if is_given else ()

    arguments = ("--model", tmp_path / "model", "--split", "all", *options)
    assert foveamask("evaluate", labelled, *arguments, "--per-photo", tmp_path / "a.csv") == 0
    capsys.readouterr()
    plain = write_photos(tmp_path / "plain", {f"p{i}": object_of(i) for i in range(8)})
    neutral = replace(load_model(tmp_path / "model"), provenance={})
    save_model(neutral, tmp_path / "neutral")
    arguments = ("--model", tmp_path / "neutral", "--split", "all")
    assert foveamask("evaluate", plain, *arguments, "--per-photo", tmp_path / "b.csv") == 0

    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()

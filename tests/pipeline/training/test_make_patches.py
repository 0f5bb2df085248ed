"""Patches of whole data folders: made once, and only of photos that are as the settings say."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from data.errors import InputError
from data.patch_cache.patch_store import BEYOND
from data.samples import find_samples
from pipeline.config import Config
from pipeline.model_folder import save_model
from pipeline.training import run_folder
from pipeline.training.fold_models import unseen_weights_hash
from pipeline.training.patch_extraction import (
    check_shapes,
    is_uncertain,
    make_patches,
    segmenters_of,
)
from pipeline.training.patches import open_patches
from tests.builders import (
    CPU,
    SIZE,
    grey,
    middle_disc,
    tiny_config,
    tiny_model,
    with_data,
    write_grey_data,
    write_sample,
)


def make(data: list[Path], run: Path, config: Config) -> Path:
    model = tiny_model(refined=False)
    if not (run / "model").exists():
        save_model(model, run / "model")
    return make_patches(data, run, model, config, CPU)


def test_patches_are_made_once_and_open_with_the_settings_they_are_made_with(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    data, run, config = write_grey_data(tmp_path / "data", 4), tmp_path / "run", tiny_config()
    path = make([data], run, config)
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    (run / "config.toml").unlink()

    with caplog.at_level(logging.INFO):
        again = make([data], run, config)

    assert again == path == run / "patches.zarr"
    assert f"{path} exists already" in caplog.text
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before
    assert run_folder.read_settings(run, None, "train-refiner") == config
    assert len(open_patches(run, config, unseen_weights_hash(run, config)).outside) == 4


def test_what_a_kill_after_the_last_step_left_behind_is_removed(tmp_path: Path):
    data, run, config = write_grey_data(tmp_path / "data", 4), tmp_path / "run", tiny_config()
    path = make([data], run, config)
    whole = sorted(path.rglob("*"))
    (path / "written.json").write_text("{}")

    make([data], run, config)

    assert sorted(path.rglob("*")) == whole


def test_patches_of_photos_that_have_changed_are_refused_with_the_command_for_new_ones(
    tmp_path: Path,
):
    data = [write_grey_data(tmp_path / "a", 4), tmp_path / "b"]
    run, config = tmp_path / "run", tiny_config()
    write_sample(data[1], "one_more", grey(7), middle_disc())
    make(data, run, config)
    write_sample(data[1], "one_more", grey(8), middle_disc())

    command = re.escape(f"foveamask make-patches {data[0]} {data[1]} {run}")
    with pytest.raises(InputError, match=f"made from other photos, .* run `{command}`"):
        make(data, run, config)


def test_photos_of_another_shape_than_they_are_stretched_to_are_refused(tmp_path: Path):
    config = with_data(tiny_config(), stretch_to=tuple(SIZE))
    write_grey_data(tmp_path, 2)
    check_shapes(find_samples(tmp_path), config)
    write_sample(tmp_path, "turned", grey(7, (96, 64)), middle_disc((96, 64)))
    samples = find_samples(tmp_path)

    with pytest.raises(InputError, match=r"1 photos, such as .*turned\.png, are not 64 x 96"):
        check_shapes(samples, config)
    check_shapes(samples, tiny_config())


def targets_of(contour: int, elsewhere: int) -> NDArray[np.uint8]:
    """Targets of so many tiles on a contour, and of others: object, background and beyond."""
    targets = np.zeros((contour + elsewhere, 8, 8), np.uint8)
    targets[:contour, :3] = 1
    targets[contour::2] = 1
    targets[contour::3, 4:] = BEYOND
    return targets


@pytest.mark.parametrize(
    ("contour", "most"),
    [
        pytest.param(100, 300, id="three others for each tile of the contour"),
        pytest.param(3, 4 * 8 - 3, id="little object"),
        pytest.param(0, 4 * 8, id="none"),
    ],
)
def test_a_network_is_unsure_of_more_than_four_times_the_tiles_of_the_contour(
    contour: int, most: int
):
    assert [is_uncertain(targets_of(contour, most + i)) for i in (0, 1)] == [False, True]


def test_a_network_that_is_unsure_of_the_contour_alone_is_not_unsure_however_long_it_is():
    assert not is_uncertain(targets_of(contour=3000, elsewhere=0))


def test_networks_are_made_ready_on_the_device_that_is_asked_for():
    first, second = tiny_model(refined=False), tiny_model(refined=False, seed=1)
    meta = torch.device("meta")  # without any memory, on every machine

    segmenters = segmenters_of([first, second, first], tiny_config(), meta)

    assert segmenters[0] is segmenters[2] is not segmenters[1]
    assert {segmenter.device for segmenter in segmenters} == {meta}

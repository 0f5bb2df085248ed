from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.datasets.coarse_dataset import CoarsePair
from data.errors import InputError
from data.samples import Sample, digests, find_samples, fingerprint
from pipeline.config import CoarseConfig, Config, DataConfig, EnetConfig, MlpConfig
from pipeline.model_folder import save_model
from pipeline.training.coarse_training import (
    CoarseBatches,
    CoarsePhotos,
    check_init,
    load_photos,
    origin,
)
from tests.builders import model_trained_on
from tests.layouts import write_carvana

PAIRS = [
    CoarsePair(np.full((32, 32, 3), value, np.uint8), np.full((32, 32), value, np.uint8))
    for value in range(4)
]


def test_processes_that_load_photos_are_forked_whatever_python_does_by_default():
    loader = CoarseBatches(PAIRS, CoarseConfig(num_workers=1)).loader

    assert loader.multiprocessing_context.get_start_method() == "fork"


def test_without_processes_photos_are_loaded_in_this_one():
    config = CoarseConfig(num_workers=0, batch_size=2)

    batches = list(CoarseBatches(PAIRS, config))

    assert [len(photos) for photos, _ in batches] == [2, 2]


def test_photos_know_the_fingerprint_of_any_of_them(tmp_path: Path):
    write_carvana(tmp_path, [f"{car:012x}_01" for car in range(4)])
    samples = find_samples(tmp_path)
    hashes = dict(zip((sample.name for sample in samples), digests(samples), strict=True))

    photos = CoarsePhotos({}, hashes)

    assert photos.fingerprint(samples[1:3]) == fingerprint(samples[1:3])


def test_photos_are_decoded_in_the_shape_that_the_network_takes(tmp_path: Path):
    write_carvana(tmp_path, [f"{car:012x}_01" for car in range(2)])
    config = Config(data=DataConfig(long_side=64), coarse=CoarseConfig(stride=8))
    samples = find_samples(tmp_path)

    pairs = load_photos(samples, config).pairs_of(samples[::-1])

    # 6 x 4 pixels, enlarged to 64 x 43 and padded to 64 x 64, at an eighth.
    assert [pair.photo.shape for pair in pairs] == [(8, 8, 3)] * 2


CONFIG = Config()


@pytest.mark.parametrize(
    ("changes", "is_another"),
    [
        ({"epochs": 3}, False),
        ({"num_workers": 3}, False),
        ({"folds": 3}, False),
        ({"lr": 0.1}, True),
        ({"seed": 3}, True),
        ({"network": "mlp"}, True),
    ],
)
def test_an_origin_changes_with_what_decides_the_weights_alone(
    changes: dict[str, Any], is_another: bool
):
    config = replace(CONFIG, coarse=replace(CONFIG.coarse, **changes))

    assert (origin(config, "a", "b") != origin(CONFIG, "a", "b")) == is_another


def test_an_origin_changes_with_options_photos_and_their_settings():
    def mlp(*hidden: int) -> Config:
        return Config(coarse=CoarseConfig(network="mlp", mlp=MlpConfig(hidden=hidden)))

    origins = [
        origin(CONFIG, "a", "b"),
        origin(CONFIG, "a", "c"),
        origin(CONFIG, "c", "b"),
        origin(Config(data=DataConfig(long_side=640)), "a", "b"),
        origin(mlp(3), "a", "b"),
        origin(mlp(4), "a", "b"),
    ]

    assert len(set(origins)) == 6


def test_weights_that_were_trained_on_validation_groups_are_refused(tmp_path: Path):
    save_model(model_trained_on("a", "b"), tmp_path)
    val = [Sample("a_01", Path("a.png"), Path("b.png"), "a", Path())]
    config = CoarseConfig(init=str(tmp_path))

    with pytest.raises(InputError, match=r"coarse\.init was trained on 1 of .*\(a\).*; do so"):
        check_init(config, val, "do so")
    check_init(config, [replace(val[0], group="c")], "do so")


def test_weights_of_another_network_are_refused(tmp_path: Path):
    save_model(model_trained_on(), tmp_path)
    config = CoarseConfig(init=str(tmp_path), enet=EnetConfig(unpool="nearest"))

    with pytest.raises(InputError, match=r"coarse\.init .*'indices'.* ask for enet .*'nearest'"):
        check_init(config, [], "")

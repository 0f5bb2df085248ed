import os
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from data.datasets.coarse_dataset import CoarseDataset, CoarsePair, EpochBatches
from data.errors import InputError
from data.fingerprints import digests, fingerprint
from data.samples import Sample, find_samples
from pipeline.config import CoarseConfig, Config, DataConfig
from pipeline.model_folder import save_model
from pipeline.network_config import EnetConfig, MlpConfig
from pipeline.training import coarse_training, distributed
from pipeline.training.coarse_training import (
    CoarseBatches,
    CoarsePhotos,
    check_init,
    load_photos,
    mean_dice,
    origin,
)
from tests.builders import CPU, model_trained_on
from tests.layouts import write_carvana

PAIRS = [
    CoarsePair(np.full((32, 32, 3), value, np.uint8), np.full((32, 32), value, np.uint8))
    for value in range(4)
]


def test_without_workers_photos_are_loaded_in_this_thread():
    config = CoarseConfig(num_workers=0, batch_size=2)

    batches = list(CoarseBatches(PAIRS, config))

    assert [len(photos) for photos, _ in batches] == [2, 2]


def test_a_process_gets_its_share_of_the_batches_and_leaves_other_randomness_alone(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    config = CoarseConfig(num_workers=0, batch_size=1, seed=7)
    before = torch.get_rng_state()

    batches = CoarseBatches(PAIRS, config)
    batches.set_epoch(3)
    shown = [photos.flatten()[0].item() for photos, _ in batches]

    sizes = [pair.mask.shape for pair in PAIRS]
    wanted = EpochBatches(sizes, 1, seed=7, rank=1, world=2)
    wanted.set_epoch(3)
    assert list(batches.sampler) == list(wanted)
    assert len(shown) == len(batches) == 2
    dataset = batches.dataset
    assert (dataset.augmentation, dataset.seed) == (config.augment, 7)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("num_workers", [1, 3])
def test_whatever_the_number_of_threads_the_batches_are_the_same(num_workers: int):
    random = np.random.default_rng(0)
    pairs = [
        CoarsePair(
            random.integers(0, 256, (24, 32 + 8 * (i % 2), 3), np.uint8),
            random.integers(0, 256, (24, 32 + 8 * (i % 2)), np.uint8),
        )
        for i in range(13)
    ]
    config = CoarseConfig(num_workers=0, batch_size=2, seed=5)
    alone, together = (
        CoarseBatches(pairs, replace(config, num_workers=num)) for num in (0, num_workers)
    )

    for epoch in (2, 0):
        alone.set_epoch(epoch)
        together.set_epoch(epoch)
        batches = list(zip(alone, together, strict=True))

        assert len(batches) == len(alone)
        for wanted, made in batches:
            assert torch.equal(made[0], wanted[0])
            assert torch.equal(made[1], wanted[1])
            assert made[0].shape == (len(made[1]), 3, *made[1].shape[1:])
            assert made[0].dtype == made[1].dtype == torch.uint8


def test_threads_make_batches_ahead_of_the_loop_and_end_with_it():
    before, num_threads = threading.active_count(), cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        batches = CoarseBatches(PAIRS * 9, CoarseConfig(num_workers=2, batch_size=1))
        loop = iter(batches)

        next(loop)

        assert threading.active_count() == before + 2
        assert cv2.getNumThreads() == 1
        loop.close()
        assert threading.active_count() == before
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(num_threads)


def test_no_process_and_no_shared_memory_is_needed_to_load_photos(
    monkeypatch: pytest.MonkeyPatch,
):
    """Containers limit /dev/shm, open files and the length of the paths of sockets."""
    monkeypatch.setattr(os, "fork", None)
    monkeypatch.setattr(subprocess, "Popen", None)
    monkeypatch.setattr(torch.UntypedStorage, "_new_shared", None)

    batches = list(CoarseBatches(PAIRS, CoarseConfig(num_workers=2, batch_size=1)))

    assert len(batches) == 4


def test_an_error_in_a_thread_is_raised_in_the_loop(monkeypatch: pytest.MonkeyPatch):
    def failing(*_: object) -> None:
        raise MemoryError("no room for a photo")

    monkeypatch.setattr(CoarseDataset, "__getitem__", failing)

    with pytest.raises(MemoryError, match="no room for a photo"):
        list(CoarseBatches(PAIRS, CoarseConfig(num_workers=1)))


def test_the_score_is_the_mean_dice_of_what_is_above_zero_and_at_least_half_covered():
    class Rising(nn.Module):
        def forward(self, photos: Tensor) -> Tensor:
            return torch.tensor([[[-1.0, 0.0, 0.5, 2.0]]])

    photo = np.zeros((1, 4, 3), np.uint8)
    masks = [np.array([[0, 255, 128, 127]], np.uint8), np.array([[0, 0, 128, 128]], np.uint8)]

    dice = mean_dice(Rising(), [CoarsePair(photo, mask) for mask in masks], CPU)

    assert dice == (0.5 + 1) / 2


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


def test_photos_of_another_shape_are_stretched_back_to_the_one_they_had(tmp_path: Path):
    write_carvana(tmp_path, [f"{car:012x}_01" for car in range(2)])
    data = DataConfig(long_side=128, stretch_to=(128, 32))
    samples = find_samples(tmp_path)

    pairs = load_photos(samples, Config(data=data, coarse=CoarseConfig(stride=8))).pairs

    # 128 x 32 pixels, padded to 128 x 64, at an eighth.
    assert [pair.photo.shape for pair in pairs.values()] == [(16, 8, 3)] * 2


CONFIG = Config(coarse=CoarseConfig(init=""))


def test_an_origin_is_one_in_whatever_order_settings_come(monkeypatch: pytest.MonkeyPatch):
    before, real = origin(CONFIG, "a", "b"), coarse_training.as_table

    def turned(config: Config) -> dict[str, Any]:
        table = real(config)
        return table | {name: dict(reversed(table[name].items())) for name in ("coarse", "data")}

    monkeypatch.setattr(coarse_training, "as_table", turned)

    assert origin(CONFIG, "a", "b") == before


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
        return Config(coarse=CoarseConfig(init="", network="mlp", mlp=MlpConfig(hidden=hidden)))

    origins = [
        origin(CONFIG, "a", "b"),
        origin(CONFIG, "a", "c"),
        origin(CONFIG, "c", "b"),
        origin(replace(CONFIG, data=DataConfig(long_side=640)), "a", "b"),
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

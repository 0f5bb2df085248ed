import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from data.datasets.coarse_dataset import CoarsePair, EpochBatches
from data.errors import InputError
from data.samples import Sample, digests, find_samples, fingerprint
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


def test_processes_that_load_photos_are_forked_whatever_python_does_by_default():
    loader = CoarseBatches(PAIRS, CoarseConfig(num_workers=1)).loader

    assert loader.multiprocessing_context.get_start_method() == "fork"


def test_without_processes_photos_are_loaded_in_this_one():
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
    dataset = batches.loader.dataset
    assert (dataset.augmentation, dataset.seed) == (config.augment, 7)
    assert torch.equal(torch.get_rng_state(), before)


def test_processes_that_load_photos_leave_ctrl_c_to_their_parent(monkeypatch: pytest.MonkeyPatch):
    class Asked:
        """In place of photos: whether Ctrl-C is ignored in a process, and whether blocked."""

        def __init__(self, pairs: Sequence[CoarsePair], *_: object) -> None:
            self.num = len(pairs)

        def __len__(self) -> int:
            return self.num

        def __getitem__(self, _: object) -> Tensor:
            ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
            blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
            return torch.tensor([ignored, blocked])

    monkeypatch.setattr(coarse_training, "CoarseDataset", Asked)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])

    batches = list(CoarseBatches(PAIRS, CoarseConfig(num_workers=1, batch_size=4)))

    assert all(answers.all() for answers in batches)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    assert signal.getsignal(signal.SIGINT) != signal.SIG_IGN


def test_a_process_that_loads_photos_takes_one_core_and_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    handler, num_threads = signal.getsignal(signal.SIGINT), cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        coarse_training._set_up_worker(3)

        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        assert cv2.getNumThreads() == 1
        sys.excepthook(ValueError, ValueError("of a queue that is gone"), None)
        assert capfd.readouterr() == ("", "")
    finally:
        signal.signal(signal.SIGINT, handler)
        cv2.setNumThreads(num_threads)


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


CONFIG = Config()


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

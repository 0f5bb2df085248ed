"""What the refiner's training begins with: weights, batches, device; and what the log says."""

import logging
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from data.datasets.patch_dataset import PatchBatches
from data.errors import InputError
from pipeline.config import Config
from pipeline.model import Model
from pipeline.model_folder import load_model, save_model, weights_hash
from pipeline.training import distributed, refiner_training
from pipeline.training.patches import PatchCache, open_patches
from refine.fovea import Windows
from refine.refiner_network import Refiner
from tests.builders import CPU, group_name, tiny_config, tiny_model, with_refiner
from tests.patch_builders import NUM_TRAINING, write_patches
from tests.spies import FitSpy

META = torch.device("meta")
"""A device without any memory, which is on every machine."""


@pytest.fixture
def fit(monkeypatch: pytest.MonkeyPatch) -> FitSpy:
    stand_in = FitSpy()
    monkeypatch.setattr(refiner_training, "fit", stand_in)
    return stand_in


def cache_of(folder: Path, settings: Config) -> PatchCache:
    run = write_patches(folder, settings)
    return open_patches(run, settings, weights_hash(run / "model"))


def fitted(folder: Path, settings: Config, device: torch.device = CPU) -> Refiner:
    cache = cache_of(folder, settings)
    network, _ = refiner_training.train_refiner(cache, folder / "refiner", settings, device)
    return network


def saved_model(folder: Path, *groups: str) -> tuple[Model, Config]:
    """A model that was trained on some groups, and settings that begin with its refiner."""
    model = replace(tiny_model(seed=5), provenance={"groups": list(groups)})
    save_model(model, folder)
    return load_model(folder), with_refiner(tiny_config(), init=str(folder))


@pytest.mark.usefixtures("fit")
def test_training_begins_with_the_refiner_of_the_model_that_is_named(tmp_path: Path):
    model, settings = saved_model(tmp_path / "model", group_name(NUM_TRAINING - 1))

    network = fitted(tmp_path / "run", settings)

    assert model.refiner is not None
    for name, value in model.refiner.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name


@pytest.mark.usefixtures("fit")
def test_it_does_not_begin_with_one_that_has_seen_what_is_held_out(tmp_path: Path):
    _, settings = saved_model(tmp_path / "model", group_name(NUM_TRAINING))

    with pytest.raises(InputError, match=r"refiner\.init was trained on 1 of"):
        fitted(tmp_path / "run", settings)


def test_patches_go_to_the_device_of_the_network(
    tmp_path: Path, fit: FitSpy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(refiner_training, "autocast", lambda *_: nullcontext())
    seen: list[torch.device] = []

    class Asked(nn.Module):
        def forward(self, windows: Windows) -> Tensor:
            seen.extend(window.device for window in windows)
            return torch.zeros(windows[0].shape[:3], device=META)

    network = fitted(tmp_path, tiny_config(), META)
    loss = fit.batch_loss(Asked(), next(iter(fit.batches)))

    assert {weight.device for weight in network.parameters()} == {META}
    assert loss.device == META
    with pytest.raises(NotImplementedError, match="meta"):  # to count pixels, values are needed
        fit.score(Asked())
    assert set(seen) == {META}
    assert len(seen) == 4


def test_a_process_gets_its_share_of_the_patches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    settings = with_refiner(tiny_config(), batch_size=2, seed=7)
    cache = cache_of(tmp_path, settings)

    batches = refiner_training.batches_of(cache, settings.refiner)

    wanted = PatchBatches(cache.arrays, cache.num_train_patches, 2, seed=7, rank=1, world=2)
    for one, other in zip(batches, wanted, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(one, other, strict=True))


@pytest.mark.usefixtures("fit")
def test_the_log_says_how_much_is_trained_on(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        fitted(tmp_path, tiny_config())

    assert "training on 8 patches of 3 photos, validating on 11 of 2" in caplog.text


def test_an_origin_is_one_in_whatever_order_settings_come(monkeypatch: pytest.MonkeyPatch):
    config, real = tiny_config(), refiner_training.as_table
    before = refiner_training.origin(config, "patches")

    def turned(config: Config) -> dict[str, Any]:
        return {"refiner": dict(reversed(real(config)["refiner"].items()))}

    monkeypatch.setattr(refiner_training, "as_table", turned)

    assert refiner_training.origin(config, "patches") == before

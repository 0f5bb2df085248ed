"""What is plugged into what in the refiner's stage: patches, targets, weights."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zarr
from torch import Tensor, nn

from data.geometry import Fovea
from data.patch_cache.patch_store import BEYOND
from pipeline.config import Config
from pipeline.model_folder import load_model, weights_hash
from pipeline.network_config import MlpConfig
from pipeline.training import checkpoint, commands, refiner_training
from pipeline.training.patches import open_patches
from refine.fovea import Windows
from refine.refiner_network import Refiner
from tests.builders import (
    CPU,
    shades,
    tiny_config,
    with_coarse,
    with_refiner,
    write_grey_data,
    write_settings,
)
from tests.patch_builders import (
    NUM_TRAINING,
    OUTSIDE,
    PATCHES,
    patch_shade,
    patches_of,
    write_patches,
)
from tests.spies import FitSpy, RefinerSpy

FOVEA = Fovea(8, 2)
TRAINING = range(NUM_TRAINING)
HELD_OUT = range(NUM_TRAINING, len(PATCHES))


@pytest.fixture
def fit(monkeypatch: pytest.MonkeyPatch) -> FitSpy:
    stand_in = FitSpy()
    monkeypatch.setattr(refiner_training, "fit", stand_in)
    return stand_in


def fitted(folder: Path, settings: Config) -> Refiner:
    """What comes of training on the patches that are written to `folder`."""
    run = write_patches(folder, settings)
    cache = open_patches(run, settings, weights_hash(run / "model"))
    network, _ = refiner_training.train_refiner(cache, run / "refiner", settings, CPU)
    return network


def shades_of(photos: range) -> list[int]:
    return [patch_shade(photo) for photo in photos for _ in range(PATCHES[photo])]


def without_flips(settings: Config) -> Config:
    return with_refiner(settings, augment=replace(settings.refiner.augment, flip=0.0))


def dice_by_hand(logits_of: Callable[[Windows], Tensor], photo: int) -> float:
    """The Dice of a photo with logits added in its patches to those of the coarse probability."""
    patches = patches_of(photo, FOVEA)
    counts = np.array(OUTSIDE[photo])
    p = np.clip(patches["full"][..., 3], 0.5, 254.5) / 255
    added = logits_of([torch.from_numpy(patches["full"])]).numpy()
    for logits, target in zip(np.log(p / (1 - p)) + added, patches["target"], strict=True):
        inside, truth = (logits > 0) & (target != BEYOND), target == 1
        counts += [(inside & truth).sum(), inside.sum(), truth.sum()]
    return float(2 * counts[0] / (counts[1] + counts[2]))


def test_the_patches_of_training_photos_train_and_no_other(tmp_path: Path, fit: FitSpy):
    settings = with_refiner(tiny_config(), batch_size=1)

    fitted(tmp_path, settings)

    for epoch in range(2):
        fit.batches.set_epoch(epoch)
        spy = RefinerSpy()
        for batch in fit.batches:
            fit.batch_loss(spy, batch)
        assert sorted(spy.seen) == shades_of(TRAINING)


def test_the_patches_of_photos_held_out_validate_and_no_other(tmp_path: Path, fit: FitSpy):
    settings, spy = tiny_config(), RefinerSpy()

    fitted(tmp_path, settings)
    fit.score(spy)

    assert spy.seen == shades_of(HELD_OUT)


def test_the_score_is_the_mean_dice_of_the_photos_held_out(tmp_path: Path, fit: FitSpy):
    settings = tiny_config()

    def rising(windows: Windows) -> Tensor:
        return torch.linspace(-6, 3, 64).view(8, 8).expand(len(windows[0]), 8, 8)

    fitted(tmp_path, settings)

    by_hand = [dice_by_hand(rising, photo) for photo in HELD_OUT]
    assert fit.score(RefinerSpy(rising)) == pytest.approx(np.mean(by_hand), abs=1e-6)


def test_the_loss_is_that_of_the_stitched_logits_inside_the_photo(tmp_path: Path, fit: FitSpy):
    settings = without_flips(tiny_config())

    def rising(windows: Windows) -> Tensor:
        return torch.linspace(-4, 4, 64).view(8, 8).expand(len(windows[0]), 8, 8)

    fitted(tmp_path, settings)
    (batch,) = fit.batches
    loss = fit.batch_loss(RefinerSpy(rising), batch)

    full, target = batch[0].numpy(), batch[-2].numpy()
    assert target.shape == (8, 8, 8)
    p = np.clip(full[..., 3], 0.5, 254.5) / 255
    q = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + np.linspace(-4, 4, 64).reshape(8, 8))))
    inside, is_object = target != BEYOND, target == 1
    assert 0.5 < inside.mean() < 1
    by_hand = -np.where(is_object, np.log(q), np.log(1 - q))[inside].mean()
    assert float(loss.detach()) == pytest.approx(by_hand, rel=1e-5)


def test_nothing_is_learnt_from_the_padding(tmp_path: Path, fit: FitSpy):
    settings = without_flips(tiny_config())
    logits = torch.zeros(8, 8, 8, requires_grad=True)

    fitted(tmp_path, settings)
    (batch,) = fit.batches
    fit.batch_loss(RefinerSpy(lambda _: logits), batch).backward()

    assert logits.grad is not None
    assert torch.equal(logits.grad != 0, batch[-2] != BEYOND)


def test_patches_are_of_the_photos_that_they_are_named_after_those_to_train_on_first(
    tmp_path: Path,
):
    data, run = write_grey_data(tmp_path / "data", 6), tmp_path / "run"
    settings = with_coarse(tiny_config(), network="mlp", mlp=MlpConfig(grid=(4, 4), hidden=(4,)))
    commands.train_coarse([data], run, write_settings(run / "given.toml", settings), "cpu")

    path = commands.make_patches([data], run, None, "cpu")

    patches = zarr.open_group(path, mode="r")
    names, photo, full = patches.attrs["photos"], patches["tile"][:, 0], patches["full"][:]
    known = load_model(run / "model").provenance
    groups = [name[:12] for name in names]
    num_training = patches.attrs["num_training"]
    assert (groups[:num_training], groups[num_training:]) == (
        known["groups"],
        known["validation_groups"],
    )
    assert sorted(set(photo)) == list(range(6))
    for i, name in enumerate(names):
        assert set(full[photo == i][..., :3].flat) == {shades(6)[name]}


def test_the_weights_that_ship_are_the_averaged_ones_of_the_best_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    scored: list[dict[str, Tensor]] = []

    def mean_dice(refined: Any, *_: object) -> float:
        (network,) = refined.args
        scored.append({name: x.clone() for name, x in network.state_dict().items()})
        return (0.3, 0.1, 0.9, 0.1, 0.6, 0.1)[len(scored) - 1]  # the average is first

    monkeypatch.setattr(refiner_training, "mean_dice", mean_dice)
    settings = with_refiner(tiny_config(), epochs=3, ema_decay=0.5, ema_share=1.0)
    run = write_patches(tmp_path / "run", settings)

    commands.train_refiner(run, write_settings(run / "given.toml", settings), "cpu")

    shipped, best = load_model(run / "model"), checkpoint.read(run / "refiner" / "best.pt")
    last = checkpoint.read(run / "refiner" / "last.pt")
    assert (best["epoch"], last["epoch"]) == (2, 3)
    assert shipped.refiner is not None
    for name, tensor in shipped.refiner.state_dict().items():
        assert torch.equal(tensor, best["average"][f"module.{name}"]), name
        assert torch.equal(tensor, scored[2][name]), name
        if tensor.is_floating_point():
            assert not torch.equal(tensor, best["model"][name]), name
            assert not torch.equal(tensor, last["average"][f"module.{name}"]), name
    assert shipped.scores["validation"]["refined_dice"] == 0.9


def test_the_coarse_weights_are_shipped_as_they_were(tmp_path: Path):
    settings = tiny_config()
    run = write_patches(tmp_path / "run", settings)
    before = load_model(run / "model")

    commands.train_refiner(run, write_settings(run / "given.toml", settings), "cpu")

    after = load_model(run / "model")
    for name, tensor in before.coarse.state_dict().items():
        assert torch.equal(tensor, after.coarse.state_dict()[name]), name
    assert (after.low, after.high, after.long_side) == (0.0, 1.0, settings.data.long_side)


def test_the_refiner_sees_bytes_about_zero_at_every_level():
    refiner = Refiner(Fovea(8, 3)).eval()
    seen: list[Tensor] = []
    for level in refiner.levels:
        first = next(module for module in level.modules() if isinstance(module, nn.Conv2d))
        first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    colour = torch.tensor([0, 100, 200, 255], dtype=torch.uint8)

    refiner([colour.expand(2, side, side, 4) for side in (8, 12, 10)])

    wanted = ((colour.double() - 127.5) / 64).float().view(4, 1, 1)
    assert len(seen) == 3
    for x in seen:
        torch.testing.assert_close(x[:, :4], wanted.expand_as(x[:, :4]))


def test_the_network_that_trains_is_in_the_format_of_fast_convolutions(tmp_path: Path, fit: FitSpy):
    settings = tiny_config()

    network = fitted(tmp_path, settings)

    assert fit.network is network
    weights = [w for w in network.parameters() if w.ndim == 4 and min(w.shape) > 1]
    assert weights
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in weights)

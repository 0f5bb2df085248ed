"""What is plugged into what in the coarse stage: photos, targets, weights."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from coarse import catalogue
from coarse.coarse_network import CoarseNetwork
from data.fingerprints import photo_hashes
from data.samples import Sample
from pipeline.config import Config
from pipeline.model_folder import load_model, save_model
from pipeline.network_config import MlpConfig
from pipeline.seen_photos import joined
from pipeline.training import checkpoint, coarse_training, commands
from pipeline.training.split import split_samples
from tests.builders import (
    CPU,
    area_mean,
    middle_disc,
    noise,
    shaded_photo,
    shades,
    tiny_config,
    tiny_model,
    with_coarse,
    write_data,
    write_grey_data,
    write_settings,
)
from tests.spies import CoarseSpy, FitSpy

NUM_CARS = 10


@pytest.fixture
def fit(monkeypatch: pytest.MonkeyPatch) -> FitSpy:
    stand_in = FitSpy()
    monkeypatch.setattr(coarse_training, "fit", stand_in)
    return stand_in


def sides(data: Path, settings: Config) -> tuple[list[Sample], list[Sample]]:
    return split_samples([data], settings.data)


def fitted(data: Path, settings: Config, device: torch.device = CPU) -> CoarseNetwork:
    """What comes of training on the photos of one set, validated on those of the other."""
    train, val = sides(data, settings)
    photos = coarse_training.load_photos([*train, *val], settings)
    folder = data / "coarse"
    network, _ = coarse_training.train_coarse(photos, train, val, folder, settings, device)
    return network


def shades_of(samples: list[Sample]) -> list[int]:
    return [shades(NUM_CARS)[sample.name] for sample in samples]


def train_coarse(data: Path, run: Path, settings: Config) -> Path:
    return commands.train_coarse([data], run, write_settings(run / "given.toml", settings), "cpu")


def scores_of(monkeypatch: pytest.MonkeyPatch, *scores: float) -> list[dict[str, Tensor]]:
    """Have epochs scored so, whatever they are like; return where the weights scored are put."""
    scored: list[dict[str, Tensor]] = []

    def mean_dice(network: nn.Module, *_: object) -> float:
        scored.append({name: x.clone() for name, x in network.state_dict().items()})
        return scores[len(scored) - 1]

    monkeypatch.setattr(coarse_training, "mean_dice", mean_dice)
    return scored


def test_the_photos_kept_train_and_no_other(tmp_path: Path, fit: FitSpy):
    data, settings = write_grey_data(tmp_path, NUM_CARS), tiny_config()
    kept, _ = sides(data, settings)

    fitted(data, settings)

    for epoch in range(2):
        fit.batches.set_epoch(epoch)
        spy = CoarseSpy()
        for batch in fit.batches:
            fit.batch_loss(spy, batch)
        assert sorted(spy.seen) == shades_of(kept)


def test_the_photos_held_out_validate_and_no_other(tmp_path: Path, fit: FitSpy):
    data, settings = write_grey_data(tmp_path, NUM_CARS), tiny_config()
    kept, held_out = sides(data, settings)
    spy = CoarseSpy()

    fitted(data, settings)
    fit.score(spy)

    assert spy.seen == shades_of(held_out)
    assert len(set(shades_of(kept)) | set(spy.seen)) == NUM_CARS


def test_the_score_is_the_dice_of_the_photos_held_out(tmp_path: Path, fit: FitSpy):
    data, settings = write_grey_data(tmp_path, NUM_CARS), tiny_config()
    spy = CoarseSpy()
    nn.init.ones_(spy.bias)  # all of every photo is object

    fitted(data, settings)

    area = (area_mean(middle_disc(), 4) >= 0.5).sum()
    assert fit.score(spy) == pytest.approx(2 * area / (area + 16 * 24), abs=0.01)


def test_photos_go_to_the_device_of_the_network(
    tmp_path: Path, fit: FitSpy, monkeypatch: pytest.MonkeyPatch
):
    """Here to one without any memory, which is on every machine."""
    monkeypatch.setattr(coarse_training, "autocast", lambda *_: nullcontext())
    meta, seen = torch.device("meta"), list[torch.device]()

    class Asked(nn.Module):
        def forward(self, photos: Tensor) -> Tensor:
            seen.append(photos.device)
            return torch.zeros(len(photos), *photos.shape[2:], device=seen[-1] if loss else CPU)

    network = fitted(write_grey_data(tmp_path, NUM_CARS), tiny_config(), meta)

    assert {weight.device for weight in network.parameters()} == {meta}
    for loss in (True, False):
        if loss:
            assert fit.batch_loss(Asked(), next(iter(fit.batches))).device == meta
        else:
            fit.score(Asked())
    assert set(seen) == {meta}


def test_training_begins_with_the_weights_of_the_model_that_is_named(tmp_path: Path, fit: FitSpy):
    save_model(tiny_model(seed=5), tmp_path / "model")
    settings = with_coarse(tiny_config(), init=str(tmp_path / "model"))

    network = fitted(write_grey_data(tmp_path / "data", NUM_CARS), settings)

    for name, value in load_model(tmp_path / "model").coarse.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name


def test_the_command_learns_from_the_groups_that_the_model_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data, settings, real = write_grey_data(tmp_path, NUM_CARS), tiny_config(), coarse_training.fit
    fit = FitSpy()

    def both(*arguments: Any) -> float:
        fit(*arguments)
        return real(*arguments)

    monkeypatch.setattr(coarse_training, "fit", both)
    train_coarse(
        data, tmp_path / "run", with_coarse(settings, network="mlp", mlp=MlpConfig(grid=(4, 4)))
    )
    learnt, scored = CoarseSpy(), CoarseSpy()
    for batch in fit.batches:
        fit.batch_loss(learnt, batch)
    fit.score(scored)

    found = json.loads((tmp_path / "run" / "model" / "model.json").read_text())["provenance"]
    kept, held_out = sides(data, settings)
    sets = (learnt, kept, "groups"), (scored, held_out, "validation_groups")
    for spy, samples, groups in sets:
        assert sorted(spy.seen) == shades_of(samples)
        assert found[groups] == [sample.group for sample in samples]
        assert found[groups.replace("groups", "photo_hashes")] == joined(photo_hashes(samples))


def test_the_weights_that_ship_are_the_averaged_ones_of_the_best_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    scored = scores_of(monkeypatch, 0.3, 0.1, 0.9, 0.1, 0.6, 0.1)  # the average is first
    photos = {stem: shaded_photo((64, 96), seed) for seed, stem in enumerate(shades(NUM_CARS))}
    data, run = write_data(tmp_path / "data", photos), tmp_path / "run"

    settings = with_coarse(tiny_config(), epochs=3, batch_size=2, ema_decay=0.5, ema_share=1.0)
    train_coarse(data, run, settings)

    shipped, best = load_model(run / "model"), checkpoint.read(run / "coarse" / "best.pt")
    last = checkpoint.read(run / "coarse" / "last.pt")
    assert (best["epoch"], last["epoch"]) == (2, 3)
    for name, tensor in shipped.coarse.state_dict().items():
        assert torch.equal(tensor, best["average"][f"module.{name}"]), name
        assert torch.equal(tensor, scored[2][name]), name
        if tensor.is_floating_point():
            assert not torch.equal(tensor, best["model"][name]), name
            assert not torch.equal(tensor, last["average"][f"module.{name}"]), name
    assert shipped.scores["validation"]["coarse_grid_dice"] == 0.9


@pytest.mark.parametrize("dice_weight", [0.0, 0.7])
def test_the_targets_are_shares_of_a_coarse_pixel(dice_weight: float):
    logits = np.array([[[1.0, -2.0, 0.5, 0.0]], [[-1.0, 3.0, 0.25, -0.5]]])
    masks = np.array([[[0, 64, 128, 255]], [[200, 127, 1, 30]]], np.uint8)
    settings = with_coarse(tiny_config(), dice_weight=dice_weight).coarse

    class Fixed(nn.Module):
        def forward(self, photos: Tensor) -> Tensor:
            return torch.from_numpy(logits)

    loss = coarse_training.loss_of(settings, CPU)(
        Fixed(), (torch.zeros(2, 3, 1, 4, dtype=torch.uint8), torch.from_numpy(masks))
    )

    p, t = 1 / (1 + np.exp(-logits)), masks / 255
    bce = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    dice = (2 * (p * t).sum((1, 2)) + 1) / ((p * p).sum((1, 2)) + (t * t).sum((1, 2)) + 1)
    assert float(loss) == pytest.approx(bce + dice_weight * (1 - dice).mean(), rel=1e-6)


def test_the_contour_of_a_mask_trains_as_the_share_that_it_covers(tmp_path: Path, fit: FitSpy):
    settings = tiny_config()
    data = write_grey_data(tmp_path, NUM_CARS)

    fitted(data, settings)

    wanted = area_mean(middle_disc(), 4)
    assert 0.05 < ((wanted > 0) & (wanted < 1)).mean() < 0.5
    for _, mask in fit.batches:
        np.testing.assert_allclose(mask[0] / 255, wanted, atol=1 / 255)


@pytest.mark.parametrize("name", catalogue.NETWORKS)
@pytest.mark.parametrize("value", [0, 100, 127, 255])
def test_every_coarse_network_sees_bytes_about_zero(name: str, value: int):
    network = catalogue.build(name, {}).eval()
    seen: list[Tensor] = []
    for module in network.modules():
        if not list(module.children()):
            module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))

    network(torch.full((1, 3, 128, 128), value, dtype=torch.uint8))

    torch.testing.assert_close(seen[0], torch.full_like(seen[0], (value - 127.5) / 64))


def test_networks_train_on_photos_of_noise_bit_for_bit_as_they_are(tmp_path: Path, fit: FitSpy):
    """What the network is shown is the photo itself, at a quarter, and no other channel order."""
    photos = {stem: noise((64, 96, 3), seed) for seed, stem in enumerate(shades(NUM_CARS))}
    data, settings = write_data(tmp_path, photos), tiny_config()
    kept, _ = sides(data, settings)

    fitted(data, settings)

    wanted = {s.name: area_mean(photos[s.name], 4) for s in kept}
    for shown, _ in fit.batches:
        pixels = shown[0].permute(1, 2, 0).numpy()
        nearest = min(wanted, key=lambda name: float(np.abs(pixels - wanted[name]).mean()))
        np.testing.assert_allclose(pixels, wanted.pop(nearest), atol=1)
    assert not wanted


def test_the_network_that_trains_is_in_the_format_of_fast_convolutions(tmp_path: Path, fit: FitSpy):
    data, settings = write_grey_data(tmp_path, NUM_CARS), tiny_config()

    network = fitted(data, settings)

    assert fit.network is network
    weights = [w for w in network.parameters() if w.ndim == 4 and min(w.shape) > 1]
    assert weights
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in weights)


def test_what_is_novel_is_told_by_the_training_photos_and_no_other(
    tmp_path: Path, fit: FitSpy, monkeypatch: pytest.MonkeyPatch
):
    data, settings = write_grey_data(tmp_path, NUM_CARS), tiny_config()
    kept, held_out = sides(data, settings)
    photos = coarse_training.load_photos([*kept, *held_out], settings)
    asked: list[tuple[int, list[str]]] = []
    monkeypatch.setattr(
        coarse_training, "fit_novelty", lambda x, groups: asked.append((len(x), list(groups)))
    )
    spy = CoarseSpy()

    coarse_training.novelty_of(spy, photos, kept, CPU)

    assert spy.seen == shades_of(kept)
    assert asked == [(len(kept), [sample.group for sample in kept])]


def test_a_trained_model_tells_what_is_novel_with_both_stages(tmp_path: Path):
    data = write_grey_data(tmp_path, 2 * NUM_CARS)

    model = load_model(train_coarse(data, tmp_path / "run", tiny_config()))

    assert model.novelty is not None
    photo = torch.from_numpy(shaded_photo((64, 96))).permute(2, 0, 1)[None]
    _, description = model.coarse.eval().described(photo)
    assert model.novelty.score(description).shape == (1,)

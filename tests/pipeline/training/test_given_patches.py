"""Patches of true masks with errors, and the refiner that is trained on them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from data.geometry import Fovea
from data.mask_errors import grown, shifted
from data.masks import read_mask
from data.patch_cache.patch_store import Patches
from data.samples import Sample
from pipeline.config import Config
from pipeline.evaluation.metrics import overlap
from pipeline.inference.mask_refining import RefiningOptions, refine_mask
from pipeline.inference.segmenter import Segmenter
from pipeline.model_folder import load_model, save_model
from pipeline.training.given_patches import error_of, errors_of, logits_with_errors
from pipeline.training.patch_extraction import photo_patches, sample_patches
from tests.bright_objects import SIZE, object_in, photo_of
from tests.builders import (
    ellipse_sample,
    foveamask,
    middle_disc,
    tiny_config,
    unsure_segmenter,
    write_sample,
    write_settings,
)


class NoCoarseNetwork:
    """The runtime of a segmenter whose coarse network must not run."""

    device = torch.device("cpu")

    def coarse(self, _: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        raise AssertionError("the coarse network is not needed")


def patches_of(sample: Sample, seed: int = 0) -> Patches:
    segmenter = Segmenter(unsure_segmenter().model, NoCoarseNetwork())  # type: ignore[arg-type]
    random = errors_of(sample.name, seed)
    return photo_patches(0, sample, segmenter, None, random)[0]


def test_no_network_is_run_and_the_errors_follow_from_seed_and_name(tmp_path: Path):
    sample = ellipse_sample(tmp_path, (96, 128))

    first, again, other = patches_of(sample), patches_of(sample), patches_of(sample, seed=1)

    for name, rows in first.items():
        np.testing.assert_array_equal(rows, again[name])
    assert first["full"].shape != other["full"].shape or (first["full"] != other["full"]).any()


def test_patches_hold_the_photo_the_true_mask_and_the_probability_of_the_wrong_one(tmp_path: Path):
    sample = ellipse_sample(tmp_path, (96, 128))
    truth = read_mask(sample.mask)

    differing = 0
    for seed in range(8):
        patches = patches_of(sample, seed)
        for full, target, (_, row, column) in zip(
            patches["full"], patches["target"], patches["tile"], strict=True
        ):
            place = np.s_[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            np.testing.assert_array_equal(target == 1, truth[place])
            differing += int(((full[..., 3] >= 128) != truth[place]).sum())
    assert differing > 500


@pytest.mark.parametrize("pixels", [-6, -2, 0, 3, 7])
def test_the_error_of_a_mask_is_how_far_its_contour_is_off(pixels: int):
    truth = middle_disc((192, 256))

    assert abs(error_of(grown(truth, pixels), truth) - abs(pixels)) < 1.25


def test_a_mask_without_a_contour_has_no_error():
    truth = middle_disc((64, 64))

    assert error_of(np.zeros((64, 64), np.bool_), truth) == 0


def test_the_band_holds_most_of_the_true_contour():
    truth, model = middle_disc((192, 256)), unsure_segmenter().model

    shares = []
    for seed in range(20):
        logits = logits_with_errors(truth, model, np.random.default_rng(seed))[0]
        p = torch.sigmoid(logits).numpy()
        uncertain = (p > model.low) & (p < model.high)
        edge = truth != grown(truth, -1)
        shares.append(uncertain.repeat(4, 0).repeat(4, 1)[edge].mean())

    assert np.mean(shares) > 0.85
    assert min(shares) > 0.4


def test_mixed_patches_are_of_the_network_for_half_of_the_training_photos(tmp_path: Path):
    segmenter, tiles = unsure_segmenter(), replace(tiny_config().tiles, patch_source="mixed")
    config = replace(tiny_config(), tiles=tiles)

    from_network = {True: 0, False: 0}
    for number in range(16):
        sample = ellipse_sample(tmp_path, (96, 128), number)
        network = photo_patches(number, sample, segmenter, None)[0]["full"]
        for is_training in from_network:
            found, _ = sample_patches(number, sample, segmenter, config, is_training)
            from_network[is_training] += np.array_equal(found["full"], network)

    assert from_network[False] == 16
    assert 4 <= from_network[True] <= 12


def settings() -> Config:
    config = tiny_config()
    tiles = replace(config.tiles, side=16, levels=2, low=0.08, high=0.92, patch_source="masks")
    refiner = replace(config.refiner, epochs=20, batch_size=32, channels=(8, 8), lr=5e-3)
    data = replace(config.data, long_side=max(SIZE), val_share=0.3)
    return replace(config, data=data, tiles=tiles, refiner=refiner)


@pytest.mark.slow
def test_a_refiner_of_given_masks_is_trained_by_the_usual_commands(tmp_path: Path):
    data, run = tmp_path / "data", tmp_path / "run"
    for seed in range(10):
        truth = object_in(SIZE, seed)
        write_sample(data, f"{seed:012x}_01", photo_of(truth), truth)
    start = unsure_segmenter(fovea=Fovea(16, 2), long_side=max(SIZE)).model
    save_model(replace(start, refiner=None), run / "model")
    config = write_settings(tmp_path / "settings.toml", settings())

    assert foveamask("make-patches", data, run, "--config", config) == 0
    assert foveamask("train-refiner", run) == 0

    model = load_model(run / "model")
    assert (torch.cat([p.flatten() for p in model.coarse.parameters()])).equal(
        torch.cat([p.flatten() for p in start.coarse.parameters()])
    )
    truth = object_in(SIZE, 77)
    mask = shifted(truth, 4, 4)
    segmenter = Segmenter.from_model(model, torch.device("cpu"), "fp32")
    refined = refine_mask(segmenter, photo_of(truth), mask, refining=RefiningOptions(guard=False))
    assert overlap(refined.mask, truth).dice > 0.98 > 0.97 > overlap(mask, truth).dice

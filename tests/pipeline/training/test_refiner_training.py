from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from coarse.enet import ENet
from data.datasets.patch_augment import PatchAugmentation
from data.datasets.patch_dataset import Arrays
from data.errors import InputError
from data.geometry import Fovea
from data.images import read_photo
from data.masks import read_mask
from data.patch_cache import patch_store
from data.patch_cache.patch_store import Origin
from data.patch_cache.patch_writer import PatchWriter
from data.samples import Sample
from pipeline.config import Config, DataConfig, RefinerConfig, TilesConfig
from pipeline.evaluation.metrics import overlap
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from pipeline.model_folder import save_model, weights_hash
from pipeline.seen_photos import Photos
from pipeline.training import checkpoint, refiner_training
from pipeline.training.patch_extraction import photo_patches, write_patches
from pipeline.training.patches import PatchCache, open_patches, patch_settings
from pipeline.training.refiner_training import mean_dice, refined_logits, train_refiner
from refine.fovea import Windows, join_rings, split_rings
from refine.refiner_network import Refiner
from refine.stitch import logit
from tests.builders import CPU, ellipse_sample

LONG_SIDE = 128


FOVEA = Fovea(8, 3)


CONFIG = Config(
    data=DataConfig(long_side=LONG_SIDE),
    tiles=TilesConfig(side=8, levels=3, max_patches_per_photo=60),
    refiner=RefinerConfig(epochs=1, batch_size=16, channels=(4,) * 3, depths=(1,) * 3),
)


def segmenter_of() -> Segmenter:
    """A seeded, untrained model whose refiner changes many pixels."""
    torch.manual_seed(3)
    coarse = ENet()
    # Small logits: of those beyond 6.3 the patches have less than the stitched mask.
    nn.init.normal_(coarse.head.weight, std=0.2)
    refiner = Refiner(FOVEA, channels=(8,) * 3, depths=(1, 2, 2))
    nn.init.normal_(refiner.head.weight, std=3)
    return Segmenter.from_model(Model(coarse, refiner, FOVEA, 0.05, 0.95, LONG_SIDE), CPU, "fp32")


def cache_of(arrays: Arrays, outside: NDArray[np.int64], num_train_photos: int) -> PatchCache:
    """Patches of photos, the first so many of which are for training."""
    photos = np.asarray(arrays["tile"][:])[:, 0]
    none: frozenset[str] = frozenset()
    return PatchCache(FOVEA, "", arrays, photos, outside, num_train_photos, none, none)


def arrays_of(
    samples: list[Sample], segmenter: Segmenter, budget: int
) -> tuple[Arrays, NDArray[np.int64]]:
    found = [photo_patches(i, sample, segmenter, budget) for i, sample in enumerate(samples)]
    names = patch_store.array_shapes(FOVEA)
    arrays = {name: np.concatenate([patches[name] for patches, _ in found]) for name in names}
    outside = [(o.intersection, o.predicted, o.truth) for _, o in found]
    return arrays, np.array(outside, np.int64)


def windows_of_noise(count: int) -> tuple[list[torch.Tensor], torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    parts = [
        torch.randint(0, 256, (count, *shape), generator=random).to(torch.uint8)
        for name, shape in patch_store.array_shapes(FOVEA).items()
        if name not in ("target", "tile")
    ]
    target = torch.randint(0, 2, (count, 8, 8), generator=random).to(torch.uint8)
    return join_rings(parts, FOVEA), target


def stored_run(folder: Path, num_training: int = 2) -> Path:
    """A run with a coarse model, and patches of three photos."""
    samples = [ellipse_sample(folder, (60, 100 + 7 * i), i) for i in range(3)]
    segmenter = segmenter_of()
    save_model(segmenter.model, folder / "model")
    origin = Origin("photos", weights_hash(folder / "model"), patch_settings(CONFIG))
    names = [sample.name for sample in samples]
    writer = PatchWriter(folder / "patches.zarr", FOVEA, origin, names, num_training)
    write_patches(writer, samples, [segmenter] * len(samples), CONFIG)
    return folder


def refined_by(refiner: nn.Module) -> Callable[[Windows], Tensor]:
    return partial(refined_logits, refiner, residual=True)


@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("budget", [60, 10**6])
def test_the_dice_of_patches_is_that_of_stitched_masks(
    tmp_path: Path, first: int, budget: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(refiner_training, "SCORE_BATCH", 50)
    sizes = [(96, 128), (97, 121), (60, 125), (128, 33)]
    samples = [ellipse_sample(tmp_path, size, i) for i, size in enumerate(sizes)]
    segmenter = segmenter_of()
    arrays, outside = arrays_of(samples, segmenter, budget)

    with torch.inference_mode():
        refined = refined_by(segmenter.networks.refiner_network)
        found = mean_dice(refined, cache_of(arrays, outside, first), CPU)

    stitched, coarse = [], []
    for sample in samples[first:]:
        prediction = segmenter.predict(read_photo(sample.photo), MaskOptions(budget=budget))
        truth = read_mask(sample.mask)
        stitched.append(overlap(prediction.mask, truth).dice)
        coarse.append(overlap(prediction.coarse > 0, truth).dice)
    # The patches have the coarse probability in 8 bits, the stitched mask its exact logit.
    assert found == pytest.approx(np.mean(stitched), abs=2e-3)
    assert abs(np.mean(coarse) - np.mean(stitched)) > 4e-3


def test_the_dice_of_photos_without_patches_is_the_coarse_one():
    none = {
        name: np.zeros((0, *shape), np.uint8)
        for name, shape in patch_store.array_shapes(FOVEA).items()
    }

    outside = np.array([(9, 9, 9), (1, 2, 2), (0, 3, 0)])

    found = mean_dice(refined_by(nn.Identity()), cache_of(none, outside, 1), CPU)

    assert found == (0.5 + 0) / 2


def test_a_flip_takes_windows_and_target_together():
    windows, target = windows_of_noise(64)
    torch.manual_seed(0)

    flipped, flipped_target = PatchAugmentation()(windows, target)

    mirrored = (flipped_target != target).flatten(1).any(1)
    assert 16 < mirrored.sum() < 48
    for before, after in zip([*windows, target], [*flipped, flipped_target], strict=True):
        assert torch.equal(after[mirrored], before[mirrored].flip(2))
        assert torch.equal(after[~mirrored], before[~mirrored])


def test_the_rings_of_flipped_windows_fit():
    windows, target = windows_of_noise(64)

    flipped, _ = PatchAugmentation()(windows, target)

    for again, window in zip(join_rings(split_rings(flipped, FOVEA), FOVEA), flipped, strict=True):
        assert torch.equal(again, window)


def trained(run: Path) -> tuple[Refiner, float]:
    """What comes of training on the patches of `run`."""
    cache = open_patches(run, CONFIG, weights_hash(run / "model"))
    return train_refiner(cache, run / "refiner", CONFIG, CPU)


def test_training_ends_with_what_is_kept_of_the_best_epoch_and_its_score(tmp_path: Path):
    run = stored_run(tmp_path)

    network, score = trained(run)

    best = checkpoint.read(run / "refiner" / "best.pt")
    assert score == best["best_score"]
    average = {name: best["average"][f"module.{name}"] for name in network.state_dict()}
    kept = average if best["kept"] == "average" else best["model"]
    for name, value in network.state_dict().items():
        assert torch.equal(value, kept[name]), name


def test_logits_are_those_of_the_network_on_top_of_the_coarse_ones_or_alone():
    windows, _ = windows_of_noise(4)
    ones = torch.ones(4, FOVEA.tile, FOVEA.tile)

    class One(nn.Module):
        def forward(self, windows: Windows) -> Tensor:
            return ones

    coarse = logit(windows[0][..., 3])
    assert torch.equal(refined_logits(One(), windows, residual=True), coarse + 1)
    assert torch.equal(refined_logits(One(), windows, residual=False), ones)


NONE = Photos(frozenset())


def test_training_is_initialised_from_the_refiner_of_another_model():
    model = segmenter_of().model
    assert model.refiner is not None
    network = Refiner(FOVEA, channels=model.refiner.channels, depths=model.refiner.depths)

    refiner_training.initialise(network, model, Photos(frozenset("a")))

    for name, tensor in model.refiner.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name])


def test_a_refiner_that_does_not_fit_or_was_trained_on_validation_groups_is_refused():
    model = segmenter_of().model
    assert model.refiner is not None
    fitting = Refiner(FOVEA, channels=model.refiner.channels, depths=model.refiner.depths)

    with pytest.raises(InputError, match=r"refiner\.init: the model has no refiner yet"):
        refiner_training.initialise(fitting, replace(model, refiner=None), NONE)
    with pytest.raises(InputError, match=r"refiner\.init has a refiner of .* the settings ask for"):
        refiner_training.initialise(Refiner(FOVEA, inputs="photo"), model, NONE)
    knowing = replace(model, provenance={"groups": ["a"]})
    with pytest.raises(InputError, match=r"refiner\.init was trained on 1 of .*\(a\)"):
        refiner_training.initialise(fitting, knowing, Photos(frozenset("ab")))

"""Stage two: train the refiner on the patch cache."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Set
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from data.datasets.patch_augment import PatchAugmentation
from data.datasets.patch_dataset import Arrays, PatchBatches
from data.errors import InputError
from data.geometry import Fovea
from data.patch_cache import patch_store
from data.patch_cache.patch_store import BEYOND, RINGS
from pipeline import model as models
from pipeline.config import Config
from pipeline.evaluation.metrics import Overlap
from pipeline.inference.devices import autocast, to_device
from pipeline.model import NO_REFINER, Model
from pipeline.training import distributed, fold_models
from pipeline.training.loop import fit
from pipeline.training.losses import masked_bce
from pipeline.training.patch_extraction import patch_groups, relevant_settings
from refine.fovea import Windows, join_rings
from refine.refiner_network import Refiner
from refine.stitch import logit

log = logging.getLogger(__name__)

SCORE_BATCH = 1024


def train_refiner(run: Path, config: Config, device: torch.device) -> Refiner:
    """Train the refiner on the patches of `run`; return it as it was after the last step.

    Raises:
        InputError: the patches are missing, stale or damaged, there are none to train on, or
            `run` holds another run.
    """
    coarse_hash = fold_models.weights_hash(run, config)
    path = run / "patches.zarr"
    fovea = Fovea(config.tiles.side, config.tiles.levels)
    group = patch_store.open_store(path, fovea, coarse_hash, relevant_settings(config))
    stored = patch_store.stored_arrays(group, path)
    names = list(patch_store.array_shapes(fovea))
    arrays = in_memory({name: stored[name] for name in names})
    metadata = patch_store.metadata(path)
    num_training = metadata.num_training
    photo = arrays["tile"][:][:, 0]
    num_train_patches = int(np.searchsorted(photo, num_training))
    outside = stored["outside"][:]
    if not num_train_patches:
        raise InputError(
            f"{path} has no training patches: the coarse stage was sure of every "
            "pixel; widen tiles.low and tiles.high, or train it for longer"
        )
    log.info(
        "training on %d patches of %d photos, validating on %d of %d",
        num_train_patches,
        num_training,
        len(photo) - num_train_patches,
        len(outside) - num_training,
    )
    torch.manual_seed(config.refiner.seed)
    network = to_device(
        Refiner(
            fovea,
            channels=config.refiner.channels,
            depths=config.refiner.depths,
            sees=config.refiner.sees,
            residual=config.refiner.residual,
        ),
        device,
    )
    if config.refiner.init:
        begin_with(models.load(config.refiner.init), network, patch_groups(run, config)[1])

    augmentation = PatchAugmentation(**asdict(config.refiner.augment))

    def refined(model: nn.Module, windows: Windows) -> Tensor:
        with autocast(device, config.refiner.precision):
            return refined_logits(model, windows, residual=config.refiner.residual)

    def batch_loss(model: nn.Module, batch: list[Tensor]) -> Tensor:
        patches = dict(zip(names, (x.to(device) for x in batch), strict=True))
        windows, target = augmentation(windows_of(patches, fovea), patches["target"])
        return masked_bce(refined(model, windows), (target == 1).float(), target != BEYOND)

    def score(model: nn.Module) -> float:
        return mean_dice(partial(refined, model), arrays, outside, num_training, fovea, device)

    fit(
        network,
        batch_loss,
        PatchBatches(
            arrays,
            num_train_patches,
            config.refiner.batch_size,
            seed=config.refiner.seed,
            rank=distributed.rank(),
            world=distributed.world_size(),
        ),
        score,
        config.refiner,
        run / "refiner",
        origin=origin(config, metadata.fingerprint),
    )
    return network


def begin_with(model: Model, network: Refiner, held_out: Set[str]) -> None:
    """Give `network` the refiner's weights of `model`.

    Raises:
        InputError: it has none, they are of another network, or have been learnt from photos of
            the groups `held_out`.
    """
    if model.refiner is None:
        raise InputError(f"refiner.init: {NO_REFINER}")
    if model.refiner.options() != network.options():
        raise InputError(
            f"refiner.init has a refiner of {model.refiner.options()}, "
            f"and the settings ask for {network.options()}"
        )
    models.check_unseen(model, held_out, "refiner.init", "begin with another model")
    network.load_state_dict(model.refiner.state_dict())


def origin(config: Config, patches: str) -> str:
    """Return a hash of what a refiner is trained from; `patches` is the cache's fingerprint.

    The number of epochs is left out: a finished run may be continued with more.
    """
    settings = asdict(config.refiner)
    del settings["epochs"]
    if config.refiner.init:
        settings["init"] = models.identity(models.load(config.refiner.init))
    return hashlib.sha256(json.dumps([settings, patches], sort_keys=True).encode()).hexdigest()


def in_memory(arrays: Arrays) -> Arrays:
    """Return `arrays` read into memory where that takes less than half of it, else as they are.

    Of the memory each process of a machine has its share.

    Raises:
        InputError: the store that they are in is damaged.
    """
    num_bytes = sum(int(np.prod(array.shape)) * array.dtype.itemsize for array in arrays.values())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if num_bytes * 2 > memory / distributed.local_world_size():
        log.info("reading %.1f GB of patches from disk in each epoch", num_bytes / 1e9)
        return arrays
    return {name: array[:] for name, array in arrays.items()}


def windows_of(patches: dict[str, Tensor], fovea: Fovea) -> Windows:
    """Return the windows of patches as the store has them."""
    rings = [patches[name] for name in RINGS[: fovea.levels - 1]]
    return join_rings([patches["full"], *rings], fovea)


def refined_logits(model: nn.Module, windows: Windows, *, residual: bool) -> Tensor:
    """Return the (N, T, T) logits of patches; a `residual` is added to the coarse ones in them."""
    logits: Tensor = model(windows)
    return logit(windows[0][..., 3]) + logits if residual else logits


def mean_dice(
    refined: Callable[[Windows], Tensor],
    arrays: Arrays,
    outside: NDArray[np.int64],
    first: int,
    fovea: Fovea,
    device: torch.device,
) -> float:
    """Return the mean Dice of whole photos from number `first` on.

    Outside the tiles a mask is the coarse one, whose counts `outside` has; inside them `refined`
    gives the (N, T, T) logits. So this is the Dice of the stitched mask without stitching it.
    """
    counts = outside.copy()
    tile = arrays["tile"]
    photos = np.asarray(tile[:])[:, 0]
    for start in range(int(np.searchsorted(photos, first)), len(photos), SCORE_BATCH):
        rows = slice(start, start + SCORE_BATCH)
        batch = {name: torch.from_numpy(array[rows]).to(device) for name, array in arrays.items()}
        windows = windows_of(batch, fovea)
        predicted = refined(windows) > 0
        np.add.at(counts, photos[rows], patch_counts(predicted, batch["target"]))
    overlaps = [Overlap(*(int(n) for n in row)) for row in counts[first:]]
    return sum(o.dice for o in overlaps) / len(overlaps)


def patch_counts(predicted: Tensor, target: Tensor) -> NDArray[Any]:
    """Return (N, 3) pixels of each patch in both masks, in the predicted, in the true one."""
    truth = target == 1
    predicted = predicted & (target != BEYOND)
    counts = torch.stack([(x).sum((1, 2)) for x in (predicted & truth, predicted, truth)], dim=1)
    return counts.cpu().numpy()

"""Stage two: train the refiner on the patch cache."""

import hashlib
import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from data.datasets.patch_dataset import PatchBatches
from data.errors import InputError
from data.geometry import Fovea
from data.patch_cache.patch_store import BEYOND, RINGS, array_shapes
from pipeline.config import Config, RefinerConfig
from pipeline.evaluation.metrics import Overlap
from pipeline.inference.devices import autocast, to_device
from pipeline.model import NO_REFINER, Model, identity
from pipeline.model_folder import load_model
from pipeline.new_networks import new_refiner
from pipeline.seen_photos import Photos, check_unseen
from pipeline.toml_settings import as_table
from pipeline.training import distributed
from pipeline.training.loop import BatchLoss, StageRun, fit
from pipeline.training.losses import masked_bce
from pipeline.training.patches import PatchCache
from pipeline.training.plan import SecondsLeft
from refine.fovea import Windows, join_rings
from refine.refiner_network import Refiner
from refine.stitch import logit

log = logging.getLogger(__name__)

SCORE_BATCH = 1024


def train_refiner(
    cache: PatchCache,
    stage_dir: Path,
    config: Config,
    device: torch.device,
    seconds_left: SecondsLeft | None = None,
) -> tuple[Refiner, float | None]:
    """Train the refiner on the patches of `cache`; return it with its score.

    The score is None if none of them are of validation photos.

    Raises:
        InputError: a patch is damaged, or `stage_dir` holds another training.
    """
    settings = config.refiner
    torch.manual_seed(settings.seed)
    network = to_device(new_refiner(settings, cache.fovea), device)
    if settings.init:
        photos = Photos(cache.val_groups, cache.val_names)
        initialise(network, load_model(settings.init), photos)
    num_patches, num_photos = len(cache.photos), len(cache.outside)
    num_val_photos = num_photos - cache.num_train_photos
    log.info(
        "training on %d patches of %d photos, validating on %d of %d",
        cache.num_train_patches,
        cache.num_train_photos,
        num_patches - cache.num_train_patches,
        num_val_photos,
    )

    def score(model: nn.Module) -> float:
        with autocast(device, settings.precision):
            return mean_dice(
                partial(refined_logits, model, residual=settings.residual), cache, device
            )

    best = fit(
        network,
        loss_of(settings, cache.fovea, device),
        batches_of(cache, settings),
        score if num_val_photos else None,
        settings,
        StageRun(stage_dir, origin(config, cache.fingerprint), seconds_left),
    )
    return network, best


def batches_of(cache: PatchCache, config: RefinerConfig) -> PatchBatches:
    """Return the batches of training patches for this process."""
    return PatchBatches(
        cache.arrays,
        cache.num_train_patches,
        config.batch_size,
        seed=config.seed,
        rank=distributed.rank(),
        world=distributed.world_size(),
    )


def loss_of(config: RefinerConfig, fovea: Fovea, device: torch.device) -> BatchLoss:
    """Return the loss of batches of patches, in the order of `patch_store.array_shapes`."""
    names = list(array_shapes(fovea))

    def batch_loss(model: nn.Module, batch: list[Tensor]) -> Tensor:
        patches = dict(zip(names, (x.to(device) for x in batch), strict=True))
        return loss_of_windows(model, config, windows_of(patches, fovea), patches["target"])

    return batch_loss


def loss_of_windows(
    model: nn.Module, config: RefinerConfig, windows: Windows, target: Tensor
) -> Tensor:
    """Return the loss of augmented windows of tiles with their (N, T, T) target."""
    changed, truth = config.augment(windows, target)
    with autocast(target.device, config.precision):
        logits = refined_logits(model, changed, residual=config.residual)
    return masked_bce(logits, (truth == 1).float(), truth != BEYOND)


def initialise(network: Refiner, model: Model, val_photos: Photos) -> None:
    """Give `network` the refiner's weights of `model`.

    Raises:
        InputError: `model` has no refiner, or one of another architecture, or was trained on
            some of `val_photos`.
    """
    if model.refiner is None:
        raise InputError(f"refiner.init: {NO_REFINER}")
    if model.refiner.options() != network.options():
        raise InputError(
            f"refiner.init has a refiner of {model.refiner.options()}, "
            f"and the settings ask for {network.options()}"
        )
    check_unseen(model, val_photos, "refiner.init", "initialise from another model")
    network.load_state_dict(model.refiner.state_dict())


def origin(config: Config, patches: str) -> str:
    """Return a hash of what a refiner is trained from; `patches` is the cache's fingerprint.

    The number of steps is left out: a finished run may be resumed with more.
    """
    settings = as_table(config)["refiner"]
    for name in ("steps", "epochs"):
        settings.pop(name, None)
    if config.refiner.init:
        settings["init"] = identity(load_model(config.refiner.init))
    return hashlib.sha256(json.dumps([settings, patches], sort_keys=True).encode()).hexdigest()


def windows_of(patches: dict[str, Tensor], fovea: Fovea) -> Windows:
    """Return the windows of patches, given as arrays of the store."""
    rings = [patches[name] for name in RINGS[: fovea.levels - 1]]
    return join_rings([patches["full"], *rings], fovea)


def refined_logits(model: nn.Module, windows: Windows, *, residual: bool) -> Tensor:
    """Return the (N, T, T) logits of patches; a `residual` is added to their coarse logits."""
    logits: Tensor = model(windows)
    return logit(windows[0][..., 3]) + logits if residual else logits


def mean_dice(
    refined: Callable[[Windows], Tensor], cache: PatchCache, device: torch.device
) -> float:
    """Return the mean Dice of the whole validation photos of `cache`.

    Outside the tiles the mask is the coarse one, and the cache has its pixel counts. Inside them,
    `refined` gives the (N, T, T) logits. The sums give the Dice of the stitched mask, which is not
    built.
    """
    counts, photos = cache.outside.copy(), cache.photos
    for start in range(cache.num_train_patches, len(photos), SCORE_BATCH):
        rows = slice(start, start + SCORE_BATCH)
        batch = {
            name: torch.from_numpy(array[rows]).to(device) for name, array in cache.arrays.items()
        }
        predicted = refined(windows_of(batch, cache.fovea)) > 0
        np.add.at(counts, photos[rows], patch_counts(predicted, batch["target"]))
    overlaps = [Overlap(*(int(n) for n in row)) for row in counts[cache.num_train_photos :]]
    return sum(o.dice for o in overlaps) / len(overlaps)


def patch_counts(predicted: Tensor, target: Tensor) -> NDArray[Any]:
    """Return (N, 3) pixels of each patch: in both masks, in the predicted, in the true one."""
    truth = target == 1
    predicted = predicted & (target != BEYOND)
    counts = torch.stack([(x).sum((1, 2)) for x in (predicted & truth, predicted, truth)], dim=1)
    return counts.cpu().numpy()

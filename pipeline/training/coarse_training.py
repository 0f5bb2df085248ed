"""Stage one: train the coarse network on photos at a quarter of their size."""

import hashlib
import json
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from coarse import catalogue
from coarse.coarse_network import CoarseNetwork
from data.datasets.augment import Augmentation
from data.datasets.coarse_dataset import (
    CoarseDataset,
    CoarsePair,
    CoarseView,
    EpochBatches,
    load_pairs,
)
from data.errors import InputError
from data.geometry import Size
from data.samples import Sample, find_samples, fingerprint, split
from pipeline import model as models
from pipeline.config import CoarseConfig, Config, DataConfig
from pipeline.evaluation.metrics import overlap
from pipeline.inference.devices import autocast, to_device
from pipeline.progress import progress
from pipeline.training import distributed
from pipeline.training.loop import BatchLoss, fit
from pipeline.training.losses import bce_dice

log = logging.getLogger(__name__)


def train_coarse(
    kept: list[Sample],
    held_out: list[Sample],
    stage_dir: Path,
    config: Config,
    device: torch.device,
) -> CoarseNetwork:
    """Train the coarse network on the photos `kept`, score it on those `held_out`; return it.

    Raises:
        InputError: photos or masks are at fault, or `stage_dir` holds another training.
    """
    torch.manual_seed(config.coarse.seed)
    network = to_device(new_network(config.coarse), device)
    if config.coarse.init:
        network.load_state_dict(models.load(config.coarse.init).coarse.state_dict())
    stretch_to = Size(*config.data.stretch_to) if config.data.stretch_to else None
    view = CoarseView(config.data.long_side, network.level, network.alignment, stretch_to)
    with progress("decoding photos") as on_photo:
        pairs = load_pairs(kept + held_out, view, on_photo)
    train, validation = pairs[: len(kept)], pairs[len(kept) :]
    log.info("training on %d photos, validating on %d", len(train), len(validation))

    def score(model: nn.Module) -> float:
        with autocast(device, config.coarse.precision):
            return mean_dice(model, validation, device)

    fit(
        network,
        loss_of(config.coarse, device),
        CoarseBatches(train, config),
        score,
        config.coarse,
        stage_dir,
        origin(config, kept, held_out),
    )
    return network


def loss_of(config: CoarseConfig, device: torch.device) -> BatchLoss:
    """Return the loss of batches of photos (B, 3, h, w) and masks (B, h, w), both uint8."""

    def batch_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        photos, masks = (x.to(device, non_blocking=True) for x in batch)
        with autocast(device, config.precision):
            logits = model(photos)
        return bce_dice(logits, masks / 255, config.dice_weight)

    return batch_loss


def new_network(config: CoarseConfig) -> CoarseNetwork:
    """Return the network that `config` names, untrained."""
    options: dict[str, Any] = {"stride": config.stride}
    if config.network == "enet":
        options |= {"unpool": config.unpool, "early_dropout": config.early_dropout}
    if config.network == "mlp":
        options |= {"grid": config.grid, "hidden": config.hidden}
    if config.network != "linknet":
        options |= {"dropout": config.dropout}
    return catalogue.build(config.network, options)


def check_init(setting: str, config: CoarseConfig, held_out: Sequence[Sample], todo: str) -> None:
    """Raise if training cannot begin with the model `config.init`, if that names one.

    Args:
        setting: which setting has named it.
        config: settings of the network.
        held_out: what the network is scored on.
        todo: what to do where the model knows some of that.

    Raises:
        InputError: there is no such model, it is of another network, or it has learnt from photos
            held out.
    """
    if not config.init:
        return
    model, network = models.load(config.init), new_network(config)
    name, own = catalogue.name_of(model.coarse), catalogue.name_of(network)
    if (name, model.coarse.options()) != (own, network.options()):
        raise InputError(
            f"{setting} is a model of {name} {model.coarse.options()}, "
            f"and the settings ask for {own} {network.options()}"
        )
    models.check_unseen(model, {sample.group for sample in held_out}, setting, todo)


def split_samples(folders: Sequence[Path], config: DataConfig) -> tuple[list[Sample], list[Sample]]:
    """Return the samples in `folders` to train on and those held out.

    Groups are held out of the first folder. Of the others all are to train on, but those whose
    group is held out.

    Raises:
        InputError: a folder is at fault, or one side is empty.
    """
    samples = find_samples(*folders, group_pattern=config.group)
    first = [sample for sample in samples if sample.folder == folders[0]]
    kept, held_out = split(
        first, share=config.validation, start=config.validation_start, seed=config.split_seed
    )
    groups = {sample.group for sample in held_out}
    others = set(samples).difference(first)
    more = [sample for sample in others if sample.group not in groups]
    wanted = sorted(sample for sample in kept + more if sample.name not in config.exclude)
    if not wanted:
        raise InputError(
            f"data.exclude names all {len(kept + more)} photos that are left to train on; "
            "take some out"
        )
    return wanted, held_out


def check_exclude(folders: Sequence[Path], config: DataConfig) -> None:
    """Say which photos `config` excludes that are not in `folders` to begin with."""
    samples = find_samples(*folders, group_pattern=config.group)
    unknown = set(config.exclude).difference(sample.name for sample in samples)
    if unknown:
        log.warning("data.exclude names what is not there: %s", ", ".join(sorted(unknown)))


def origin(config: Config, kept: Sequence[Sample], held_out: Sequence[Sample]) -> str:
    """Return a hash of what a coarse network is trained from, and what it is scored on.

    Epochs are left out, because a finished run may be continued with more, and so are loader
    processes and what concerns folds alone, because they change nothing.
    """
    settings = asdict(config.coarse) | asdict(config.data)
    for name in ("epochs", "workers", "folds", "fold_epochs", "fold_init"):
        del settings[name]
    if config.coarse.init:
        settings["init"] = models.weights_hash(models.find(config.coarse.init))
    text = json.dumps([settings, fingerprint(kept), fingerprint(held_out)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class CoarseBatches:
    """Augmented batches, loaded by processes of their own, one epoch after another."""

    def __init__(self, pairs: Sequence[CoarsePair], config: Config) -> None:
        coarse = config.coarse
        self.sampler = EpochBatches(
            [Size(*pair.mask.shape) for pair in pairs],
            coarse.batch_size,
            seed=coarse.seed,
            rank=distributed.rank(),
            world=distributed.world_size(),
        )
        self.loader = DataLoader(
            CoarseDataset(pairs, Augmentation(**asdict(coarse.augment)), coarse.seed),
            batch_sampler=self.sampler,
            num_workers=coarse.workers,
            worker_init_fn=_set_up_worker,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=coarse.workers > 0,
            # Of its own: the loader draws from it when workers start, and with the generator
            # that dropout draws from, the number of workers would change what is learned.
            generator=torch.Generator(),
        )

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration goes through."""
        self.sampler.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        with _sigint_blocked():
            return iter(self.loader)


def mean_dice(model: nn.Module, pairs: Sequence[CoarsePair], device: torch.device) -> float:
    """Return the mean Dice on the coarse grid, photo by photo."""
    scores = []
    for pair in pairs:
        photo = torch.from_numpy(pair.photo).permute(2, 0, 1)[None].to(device)
        predicted = (model(photo)[0] > 0).cpu().numpy()
        scores.append(overlap(predicted, pair.mask >= 128).dice)
    return sum(scores) / len(scores)


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Hold Ctrl-C back; processes started inside never hear it, nor print a traceback of it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _set_up_worker(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it says when to end
    # Errors of the work reach that process by themselves. All that is left to print is of the
    # thread that hands tensors over, when nobody takes them any more.
    sys.excepthook = lambda *_: None
    cv2.setNumThreads(0)

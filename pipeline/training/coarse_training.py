"""Stage one: train the coarse network on photos at a quarter of their size."""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from coarse import catalogue
from coarse.coarse_network import CoarseNetwork
from coarse.novelty import NoveltyDetector, fit_novelty
from data.datasets.coarse_dataset import (
    CoarseDataset,
    CoarsePair,
    CoarseView,
    EpochBatches,
    load_pairs,
)
from data.errors import InputError
from data.fingerprints import combined, hashes_of
from data.geometry import Size
from data.samples import Sample, check_object_shares, counted
from data.threads import map_threads, raise_first
from pipeline.config import CoarseConfig, Config
from pipeline.evaluation.metrics import overlap
from pipeline.inference.cpu_setup import opencv_in_one_thread
from pipeline.inference.devices import autocast, to_device
from pipeline.model_folder import find_model, load_model, weights_hash
from pipeline.new_networks import new_coarse_network
from pipeline.progress import progress
from pipeline.seen_photos import check_unseen, photos_of
from pipeline.toml_settings import as_table
from pipeline.training import distributed
from pipeline.training.loop import BatchLoss, StageRun, fit
from pipeline.training.losses import bce_dice
from pipeline.training.plan import SecondsLeft

log = logging.getLogger(__name__)

MAX_NOVELTY_PHOTOS = 2000
"""Most training photos that the novelty detector is fitted to."""


@dataclass(frozen=True)
class CoarsePhotos:
    """Decoded photos of training and validation set by stem, shared by all networks of a run."""

    pairs: Mapping[str, CoarsePair]
    digests: Mapping[str, str]
    """Hashes of names, groups and files."""
    photo_hashes: Mapping[str, str] = field(default_factory=dict)
    """Hashes of the photos' files alone."""

    def pairs_of(self, samples: Sequence[Sample]) -> list[CoarsePair]:
        """Return the decoded `samples`."""
        return [self.pairs[sample.name] for sample in samples]

    def fingerprint(self, samples: Sequence[Sample]) -> str:
        """Return the hash of `samples` that `data.samples.fingerprint` gives."""
        return combined(self.digests[sample.name] for sample in samples)


def load_photos(samples: Sequence[Sample], config: Config) -> CoarsePhotos:
    """Read and hash `samples`, decoded to the input size of the coarse network of `config`.

    Raises:
        InputError: photos or masks are damaged or do not fit together.
    """
    network = new_coarse_network(config.coarse)
    stretch_to = Size(*config.data.stretch_to) if config.data.stretch_to else None
    view = CoarseView(config.data.long_side, network.level, network.alignment, stretch_to)
    names = [sample.name for sample in samples]
    with progress("decoding photos") as on_photo:
        pairs = load_pairs(samples, view, on_photo)
    check_object_shares(samples, [float(pair.mask.mean()) / 255 for pair in pairs])
    found = list(zip(names, hashes_of(samples), strict=True))
    return CoarsePhotos(
        pairs=dict(zip(names, pairs, strict=True)),
        digests={name: hashes.sample for name, hashes in found},
        photo_hashes={name: hashes.photo for name, hashes in found},
    )


def train_coarse(
    photos: CoarsePhotos,
    train: Sequence[Sample],
    val: Sequence[Sample],
    stage_dir: Path,
    config: Config,
    device: torch.device,
    seconds_left: SecondsLeft | None = None,
) -> tuple[CoarseNetwork, float | None]:
    """Train the coarse network on `train`, validate it on `val`; return it with its score.

    The score is None if `val` is empty.

    Raises:
        InputError: `stage_dir` holds another training.
    """
    torch.manual_seed(config.coarse.seed)
    network = to_device(new_coarse_network(config.coarse), device)
    if config.coarse.init:
        network.load_state_dict(load_model(config.coarse.init).coarse.state_dict())
    log.info("training on %s, validating on %s", counted(train), counted(val))
    val_pairs = photos.pairs_of(val)

    def score(model: nn.Module) -> float:
        with autocast(device, config.coarse.precision):
            return mean_dice(model, val_pairs, device)

    best = fit(
        network,
        loss_of(config.coarse, device),
        CoarseBatches(photos.pairs_of(train), config.coarse),
        score if val else None,
        config.coarse,
        StageRun(
            stage_dir,
            origin(config, photos.fingerprint(train), photos.fingerprint(val)),
            seconds_left,
        ),
    )
    return network, best


def loss_of(config: CoarseConfig, device: torch.device) -> BatchLoss:
    """Return the loss of batches of photos (B, 3, h, w) and masks (B, h, w), both uint8."""

    def batch_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        photos, masks = (x.to(device, non_blocking=True) for x in batch)
        with autocast(device, config.precision):
            logits = model(photos)
        return bce_dice(logits, masks / 255, config.dice_weight)

    return batch_loss


def check_init(config: CoarseConfig, samples: Sequence[Sample], hint: str) -> None:
    """Raise if training cannot be initialised from the model `config.init`.

    Args:
        config: settings of the network.
        samples: photos that the final network or a fold network is validated on.
        hint: advice for the message if the model was trained on some of their groups.

    Raises:
        InputError: there is no such model, it is of another network, or it was trained on some of
            the groups of `samples`.
    """
    if not config.init:
        return
    model, network = load_model(config.init), new_coarse_network(config)
    name, own = catalogue.name_of(model.coarse), catalogue.name_of(network)
    if (name, model.coarse.options()) != (own, network.options()):
        raise InputError(
            f"coarse.init is a model of {name} {model.coarse.options()}, "
            f"and the settings ask for {own} {network.options()}"
        )
    check_unseen(model, photos_of(samples, model), "coarse.init", hint)


def origin(config: Config, train: str, val: str) -> str:
    """Return a hash of what a coarse network is trained from; `train` and `val` are fingerprints.

    The number of steps is left out, because a finished run may be resumed with more steps.
    Threads that load photos and folds are left out, because they do not change this network.
    """
    table = as_table(config)
    settings = table["coarse"] | table["data"]
    for name in ("steps", "epochs", "num_workers", "folds"):
        settings.pop(name, None)
    if config.coarse.init:
        settings["init"] = weights_hash(find_model(config.coarse.init))
    text = json.dumps([settings, train, val], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class CoarseBatches:
    """Augmented batches, made ahead of the training loop by threads, epoch by epoch.

    Threads, not processes: OpenCV and NumPy release the interpreter's lock, and no photo has to be
    sent through a socket or shared memory, which containers limit.
    """

    def __init__(self, pairs: Sequence[CoarsePair], config: CoarseConfig) -> None:
        self.sampler = EpochBatches(
            [Size(*pair.mask.shape) for pair in pairs],
            config.batch_size,
            seed=config.seed,
            rank=distributed.rank(),
            world=distributed.world_size(),
        )
        self.dataset = CoarseDataset(pairs, config.augment, config.seed)
        self.num_workers = config.num_workers

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self.sampler.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if not self.num_workers:
            yield from map(self._load, self.sampler)
            return
        with (
            opencv_in_one_thread(),
            closing(raise_first(map_threads(self._load, self.sampler, self.num_workers))) as loaded,
        ):
            yield from loaded

    def _load(self, keys: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
        """Return photos (B, 3, h, w) and masks (B, h, w), both uint8."""
        photos, masks = (
            torch.stack(part) for part in zip(*map(self.dataset.__getitem__, keys), strict=True)
        )
        if torch.cuda.is_available():
            return photos.pin_memory(), masks.pin_memory()
        return photos, masks


def mean_dice(model: nn.Module, pairs: Sequence[CoarsePair], device: torch.device) -> float:
    """Return the mean Dice on the coarse grid, photo by photo."""
    scores = []
    for pair in pairs:
        photo = torch.from_numpy(pair.photo).permute(2, 0, 1)[None].to(device)
        predicted = (model(photo)[0] > 0).cpu().numpy()
        scores.append(overlap(predicted, pair.mask >= 128).dice)
    return sum(scores) / len(scores)


@torch.inference_mode()
def novelty_of(
    network: CoarseNetwork, photos: CoarsePhotos, train: Sequence[Sample], device: torch.device
) -> NoveltyDetector | None:
    """Return what tells photos that are unlike those in `train`; None if these are too few."""
    step = -(-len(train) // MAX_NOVELTY_PHOTOS)
    descriptions = []
    for pair in photos.pairs_of(train[::step]):
        photo = torch.from_numpy(pair.photo).permute(2, 0, 1)[None].to(device)
        descriptions.append(network.eval().described(photo)[1].cpu().double().numpy()[0])
    return fit_novelty(np.array(descriptions), [sample.group for sample in train[::step]])

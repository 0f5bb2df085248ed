"""How fast both stages are on this machine, measured in a few seconds, before a training begins."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from coarse.coarse_network import CoarseNetwork
from data.datasets.coarse_dataset import CoarsePair, CoarseView, load_pair
from data.samples import Sample
from pipeline.config import Config
from pipeline.inference.devices import to_device
from pipeline.new_networks import new_coarse_network, new_refiner
from pipeline.training import coarse_training, refiner_training
from pipeline.training.coarse_training import CoarseBatches
from pipeline.training.loop import BatchLoss, new_optimizer

TIMED_STEPS = 2
"""Steps that are timed, after one that is not: the first one sets up the libraries."""


@dataclass(frozen=True)
class Speeds:
    """Seconds that each part of a training takes on this machine."""

    read: float
    """To decode a photo and its mask."""
    coarse_step: float
    coarse_photo: float
    """To run the coarse network on one photo."""
    refiner_step: float


def measure_speeds(samples: Sequence[Sample], config: Config, device: torch.device) -> Speeds:
    """Return the speeds of a training on `samples`, of which some are read.

    Raises:
        InputError: a photo or mask is damaged.
    """
    network = to_device(new_coarse_network(config.coarse), device)
    view = CoarseView(config.data.long_side, network.level, network.alignment)
    started = time.perf_counter()
    chosen = samples[: config.coarse.batch_size]
    pairs = [load_pair(sample, view) for sample in chosen]
    read = (time.perf_counter() - started) / len(chosen)
    coarse_step = _coarse_step(network, pairs, config, device)
    return Speeds(
        read=read,
        coarse_step=coarse_step,
        coarse_photo=_seconds(lambda: coarse_training.mean_dice(network.eval(), pairs[:1], device)),
        refiner_step=_refiner_step(config, device),
    )


def _coarse_step(
    network: CoarseNetwork, pairs: Sequence[CoarsePair], config: Config, device: torch.device
) -> float:
    # As many photos of one size as a step has, however few there are.
    same = [pairs[0]] * config.coarse.batch_size
    batch = next(iter(CoarseBatches(same, config.coarse)))
    loss = coarse_training.loss_of(config.coarse, device)
    return _step(copy.deepcopy(network), loss, batch, config)


def _refiner_step(config: Config, device: torch.device) -> float:
    fovea, num = config.tiles.fovea, config.refiner.batch_size
    network = to_device(new_refiner(config.refiner, fovea), device)
    sides = [fovea.window_side(level) for level in range(fovea.levels)]
    windows = [torch.randint(0, 256, (num, side, side, 4), dtype=torch.uint8) for side in sides]
    target = torch.randint(0, 2, (num, fovea.tile, fovea.tile), dtype=torch.uint8)

    def loss(model: nn.Module, batch: list[Tensor]) -> Tensor:
        *seen, truth = (x.to(device) for x in batch)
        return refiner_training.loss_of_windows(model, config.refiner, seen, truth)

    return _step(network, loss, [*windows, target], config)


def _step(network: nn.Module, loss: BatchLoss, batch: object, config: Config) -> float:
    optimizer = new_optimizer(network, config.coarse)
    network.train()

    def step() -> None:
        optimizer.zero_grad()
        loss(network, batch).backward()
        optimizer.step()

    return _seconds(step)


def _seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes, when it is not done for the first time."""
    work()
    started = time.perf_counter()
    for _ in range(TIMED_STEPS):
        work()
    return (time.perf_counter() - started) / TIMED_STEPS

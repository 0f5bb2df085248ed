"""Training a peer for so many minutes, with the recipe of the coarse stage.

Shapes: B photos, h x w what a network sees, H x W a photo.
"""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import overload

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.peer_networks import Peer
from data.datasets.coarse_dataset import CoarsePair, CoarseView, load_pair, load_pairs
from data.geometry import ALIGNMENT, Size, working_size
from data.samples import Sample
from pipeline.config import Config, TrainConfig
from pipeline.inference.devices import Precision
from pipeline.inference.torch_networks import fold_for_inference
from pipeline.progress import progress
from pipeline.training.coarse_training import CoarseBatches
from pipeline.training.coarse_training import loss_of as coarse_loss_of
from pipeline.training.loop import BatchLoss, new_state, train_epoch
from refine.stitch import reduce, upsample

Batch = tuple[Tensor, Tensor]

TRIAL = 0.02
"""Share of the budget that steps are timed for, at least, before it is known how many there are."""

AVERAGED = 1 / 8
"""Share of the training that the moving average of the weights looks back on, at most. In trainings
of minutes the 500 steps of the settings would be all of it, and the average would never leave the
first weights behind."""


@dataclass(frozen=True)
class View(CoarseView):
    """How a network sees a photo, and how its logits come back to the photo's own size."""

    def back(self, logits: Tensor, size: Size) -> Tensor:
        """Return (1, h, w) logits at the `size` of the photo, (1, H, W), bilinearly."""
        working = working_size(size, self.long_side)
        whole = upsample(logits, 2**self.level)[:, : working.height, : working.width]
        return resized(whole, size)


@dataclass(frozen=True)
class SquareView(View):
    """A photo squashed to a square with a side of `long_side`."""

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return (H, W[, C]) uint8 `pixels` as that square."""
        square = cv2.resize(pixels, (self.long_side,) * 2, interpolation=cv2.INTER_AREA)
        return np.asarray(square, np.uint8)

    def back(self, logits: Tensor, size: Size) -> Tensor:
        """Return (1, h, w) logits at the `size` of the photo, (1, H, W), bilinearly."""
        return resized(logits, size)


@dataclass(frozen=True)
class Later(Sequence[CoarsePair]):
    """Pairs that are decoded whenever they are asked for: at full size memory holds too few."""

    samples: Sequence[Sample]
    view: View

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, index: int) -> CoarsePair: ...
    @overload
    def __getitem__(self, index: slice) -> "Later": ...
    def __getitem__(self, index: int | slice) -> "CoarsePair | Later":
        if isinstance(index, slice):
            return replace(self, samples=self.samples[index])
        return load_pair(self.samples[index], self.view)


@dataclass(frozen=True)
class Trained:
    """What came of a training."""

    network: nn.Module
    """With the averaged weights."""
    steps: int
    batch_size: int
    seconds: float


class Steps:
    """So many batches from a stream of them, as `train_epoch` wants them."""

    def __init__(self, stream: Iterator[Batch], num: int, what: str) -> None:
        self.stream = stream
        self.num = num
        self.what = what

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: the stream goes through its own epochs."""

    def __len__(self) -> int:
        return self.num

    def __iter__(self) -> Iterator[Batch]:
        with progress(self.what) as on_step:
            for i in range(self.num):
                yield next(self.stream)
                on_step(i + 1, self.num)


def view_of(peer: Peer, long_side: int) -> View:
    """Return how `peer` sees photos that are `long_side` pixels long at working size."""
    if peer.square is not None:
        return SquareView(peer.square)
    return View(long_side, peer.level, max(ALIGNMENT, peer.multiple << peer.level))


def train(
    network: nn.Module,
    peer: Peer,
    samples: Sequence[Sample],
    config: Config,
    *,
    minutes: float,
) -> Trained:
    """Train `network`, which is on its device, for about so many minutes.

    What is timed to know the number of steps is forgotten, and not counted.

    Raises:
        InputError: photos or masks are at fault.
        FloatingPointError: the loss stopped being finite.
    """
    device = next(network.parameters()).device
    coarse = config.coarse
    if device.type == "cpu":
        coarse = replace(coarse, batch_size=min(coarse.batch_size, peer.cpu_batch_size))
    batches = CoarseBatches(pairs_of(samples, peer, config), coarse)
    stream = endless(batches)
    loss = loss_of(config, device, peer.crop)
    torch.manual_seed(coarse.seed)
    seconds = seconds_a_step(copy.deepcopy(network), coarse, loss, stream, 60 * minutes)
    steps = max(1, round(60 * minutes / seconds))
    return run(network, coarse, loss, Steps(stream, steps, f"training {peer.name}"))


def pairs_of(samples: Sequence[Sample], peer: Peer, config: Config) -> Sequence[CoarsePair]:
    """Return what `peer` learns from, decoded ahead unless that is whole photos.

    Raises:
        InputError: photos or masks are at fault.
    """
    view = view_of(peer, config.data.long_side)
    if not peer.level and peer.square is None:
        return Later(samples, view)
    with progress("decoding photos") as on_photo:
        return load_pairs(samples, view, on_photo)


def endless(batches: CoarseBatches) -> Iterator[Batch]:
    """Go through one epoch after another."""
    for epoch in count():
        batches.set_epoch(epoch)
        yield from batches


def loss_of(config: Config, device: torch.device, crop: Size | None) -> BatchLoss:
    """Return the loss of the coarse stage, on random parts of the photos where `crop` is given."""
    whole = coarse_loss_of(config.coarse, device)

    def of_parts(model: nn.Module, batch: Batch) -> Tensor:
        return whole(model, batch if crop is None else cropped(*batch, crop))

    return of_parts


def cropped(photos: Tensor, masks: Tensor, size: Size) -> Batch:
    """Return a random part of each photo (B, 3, h, w) and mask (B, h, w), the same of both.

    Where a side is no longer than that of `size`, all of it is kept.
    """
    height, width = (min(pair) for pair in zip(size, masks.shape[1:], strict=True))
    tops = torch.randint(masks.shape[1] - height + 1, (len(masks),)).tolist()
    lefts = torch.randint(masks.shape[2] - width + 1, (len(masks),)).tolist()
    parts = [
        (i, slice(top, top + height), slice(left, left + width))
        for i, (top, left) in enumerate(zip(tops, lefts, strict=True))
    ]
    return (
        torch.stack([photos[i, :, rows, columns] for i, rows, columns in parts]),
        torch.stack([masks[part] for part in parts]),
    )


def seconds_a_step(
    network: nn.Module,
    config: TrainConfig,
    loss: BatchLoss,
    stream: Iterator[Batch],
    budget: float,
) -> float:
    """Return how long a step of `network`, which is changed, takes: ever more are tried.

    The first steps are not counted, in which memory and kernels are found.
    """
    run(network, config, loss, Steps(stream, 2, "warming up"))
    num = 2
    while True:
        seconds = run(network, config, loss, Steps(stream, num, "timing")).seconds
        # Batches that were loaded ahead flatter the first steps where loading is what takes long.
        if seconds >= TRIAL * budget:
            return seconds / num
        num *= 2


def run(network: nn.Module, config: TrainConfig, loss: BatchLoss, steps: Steps) -> Trained:
    """Train for `steps`; warm-up, cosine and average end with them."""
    config = recipe(config, len(steps))
    state = new_state(network, config, steps_an_epoch=len(steps), origin="")
    started = time.perf_counter()
    train_epoch(network, state, loss, steps, config.max_grad_norm)
    seconds = time.perf_counter() - started
    return Trained(state.average.module.eval(), len(steps), config.batch_size, seconds)


def recipe(config: TrainConfig, num_steps: int) -> TrainConfig:
    """Return the settings of a training of one "epoch" of `num_steps`."""
    decay = max(0.0, min(config.ema_decay, 1 - 1 / (AVERAGED * num_steps)))
    return replace(config, epochs=1, ema_decay=decay)


def resized(logits: Tensor, size: Size) -> Tensor:
    """Return (1, h, w) logits at `size`, bilinearly; the same where that is their size."""
    if tuple(logits.shape[1:]) == tuple(size):
        return logits
    if size.area < logits.shape[1] * logits.shape[2]:
        return reduce(logits, size)
    return F.interpolate(logits[:, None], size=tuple(size), mode="bilinear").squeeze(1)


def masker(
    network: nn.Module, view: View, precision: Precision
) -> Callable[[NDArray[np.uint8]], NDArray[np.bool_]]:
    """Return what makes the mask (H, W) of a photo (H, W, 3) uint8, run as our networks are."""
    device = next(network.parameters()).device
    fast = fold_for_inference(network, device, precision)

    @torch.inference_mode()
    def mask(photo: NDArray[np.uint8]) -> NDArray[np.bool_]:
        seen = torch.from_numpy(view(photo)).to(device).permute(2, 0, 1)[None]
        logits = fast(seen)
        found: NDArray[np.bool_] = (view.back(logits, Size(*photo.shape[:2])) > 0)[0].cpu().numpy()
        return found

    return mask

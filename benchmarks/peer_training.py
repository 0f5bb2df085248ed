"""Training a peer for a given number of minutes, with the recipe of the coarse stage.

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
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.peer_networks import Peer
from data.arrays import Mask, Photo, Pixels
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
from pipeline.training.plan import plan_of
from refine.stitch import reduce, upsample

Batch = tuple[Tensor, Tensor]

TRIAL = 0.02
"""Share of the minutes for which steps are timed, at least, to find out how many fit in."""

AVERAGED = 1 / 8
"""Longest time constant of the moving average of the weights, as a share of the training. That of
the settings, 500 steps, is as long as a training of minutes: the average would keep the random
first weights."""


@dataclass(frozen=True)
class View(CoarseView):
    """The input of a network, and its logits brought back to the size of the photo."""

    def back(self, logits: Tensor, size: Size) -> Tensor:
        """Return (1, h, w) logits at the `size` of the photo, (1, H, W), bilinearly."""
        working = working_size(size, self.long_side)
        whole = upsample(logits, 2**self.level)[:, : working.height, : working.width]
        return resized(whole, size)


@dataclass(frozen=True)
class SquareView(View):
    """A photo resized to a square with a side of `long_side`."""

    def __call__(self, pixels: Pixels) -> Pixels:
        """Return (H, W[, C]) uint8 `pixels` as that square."""
        square = cv2.resize(pixels, (self.long_side,) * 2, interpolation=cv2.INTER_AREA)
        return np.asarray(square, np.uint8)

    def back(self, logits: Tensor, size: Size) -> Tensor:
        """Return (1, h, w) logits at the `size` of the photo, (1, H, W), bilinearly."""
        return resized(logits, size)


@dataclass(frozen=True)
class LazyPairs(Sequence[CoarsePair]):
    """Pairs that are decoded at each access: at full size too few of them fit into memory."""

    samples: Sequence[Sample]
    view: View

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, index: int) -> CoarsePair: ...
    @overload
    def __getitem__(self, index: slice) -> "LazyPairs": ...
    def __getitem__(self, index: int | slice) -> "CoarsePair | LazyPairs":
        if isinstance(index, slice):
            return replace(self, samples=self.samples[index])
        return load_pair(self.samples[index], self.view)


@dataclass(frozen=True)
class Trained:
    """The result of a training."""

    network: nn.Module
    """With the averaged weights."""
    steps: int
    batch_size: int
    seconds: float


class Steps:
    """The next `num` batches of a stream, as one epoch for `train_epoch`."""

    def __init__(self, stream: Iterator[Batch], num: int, title: str) -> None:
        self.stream = stream
        self.num = num
        self.title = title

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: the stream has epochs of its own."""

    def __len__(self) -> int:
        return self.num

    def __iter__(self) -> Iterator[Batch]:
        with progress(self.title) as on_step:
            for i in range(self.num):
                yield next(self.stream)
                on_step(i + 1, self.num)


def view_of(peer: Peer, long_side: int) -> View:
    """Return the input of `peer`, for photos of `long_side` pixels at working size."""
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
    """Train `network`, which is on its device, for about `minutes`.

    The number of steps is chosen by timing steps of a copy, whose training is not counted.

    Raises:
        InputError: photos or masks are damaged.
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
    """Return the training set of `peer`, in memory unless it holds photos at full size.

    Raises:
        InputError: photos or masks are damaged.
    """
    view = view_of(peer, config.data.long_side)
    if not peer.level and peer.square is None:
        return LazyPairs(samples, view)
    with progress("decoding photos") as on_photo:
        return load_pairs(samples, view, on_photo)


def endless(batches: CoarseBatches) -> Iterator[Batch]:
    """Give the batches of one epoch after another, without end."""
    for epoch in count():
        batches.set_epoch(epoch)
        yield from batches


def loss_of(config: Config, device: torch.device, crop: Size | None) -> BatchLoss:
    """Return the loss of the coarse stage, on random crops of the photos where `crop` is given."""
    loss_of_batch = coarse_loss_of(config.coarse, device)

    def loss_of_crops(model: nn.Module, batch: Batch) -> Tensor:
        return loss_of_batch(model, batch if crop is None else cropped(*batch, crop))

    return loss_of_crops


def cropped(photos: Tensor, masks: Tensor, size: Size) -> Batch:
    """Return a random crop of each photo (B, 3, h, w) and the same crop of its mask (B, h, w).

    A side no longer than that of `size` is kept whole.
    """
    height, width = (min(pair) for pair in zip(size, masks.shape[1:], strict=True))
    tops = torch.randint(masks.shape[1] - height + 1, (len(masks),)).tolist()
    lefts = torch.randint(masks.shape[2] - width + 1, (len(masks),)).tolist()
    crops = [
        (i, slice(top, top + height), slice(left, left + width))
        for i, (top, left) in enumerate(zip(tops, lefts, strict=True))
    ]
    return (
        torch.stack([photos[i, :, rows, columns] for i, rows, columns in crops]),
        torch.stack([masks[crop] for crop in crops]),
    )


def seconds_a_step(
    network: nn.Module,
    config: TrainConfig,
    loss: BatchLoss,
    stream: Iterator[Batch],
    budget: float,
) -> float:
    """Return how many seconds a step of `network` takes; the network is changed.

    Twice as many steps are timed until they take long enough to tell. The first steps, which
    allocate memory and compile kernels, are not counted.
    """
    run(network, config, loss, Steps(stream, 2, "warming up"))
    num = 2
    while True:
        seconds = run(network, config, loss, Steps(stream, num, "timing")).seconds
        # Where loading is the bottleneck, the first steps are too fast: their batches were loaded
        # before.
        if seconds >= TRIAL * budget:
            return seconds / num
        num *= 2


def run(network: nn.Module, config: TrainConfig, loss: BatchLoss, steps: Steps) -> Trained:
    """Train for `steps`, over which warm-up, cosine and average are spread."""
    config = recipe(config, len(steps))
    state = new_state(network, config, plan_of(config, len(steps)), origin="")
    started = time.perf_counter()
    train_epoch(network, state, loss, steps, config.max_grad_norm)
    seconds = time.perf_counter() - started
    return Trained(state.average.module.eval(), len(steps), config.batch_size, seconds)


def recipe(config: TrainConfig, num_steps: int) -> TrainConfig:
    """Return the settings of a training of one "epoch" of `num_steps`."""
    decay = max(0.0, min(config.ema_decay, 1 - 1 / (AVERAGED * num_steps)))
    return replace(config, epochs=1, ema_decay=decay, ema_share=1.0)


def resized(logits: Tensor, size: Size) -> Tensor:
    """Return (1, h, w) logits at `size`, bilinearly; the same where that is their size."""
    if tuple(logits.shape[1:]) == tuple(size):
        return logits
    if size.area < logits.shape[1] * logits.shape[2]:
        return reduce(logits, size)
    return F.interpolate(logits[:, None], size=tuple(size), mode="bilinear").squeeze(1)


def masker(network: nn.Module, view: View, precision: Precision) -> Callable[[Photo], Mask]:
    """Return a function from photos (H, W, 3) uint8 to masks (H, W), run like our networks."""
    device = next(network.parameters()).device
    fast = fold_for_inference(network, device, precision)

    @torch.inference_mode()
    def mask(photo: Photo) -> Mask:
        batch = torch.from_numpy(view(photo)).to(device).permute(2, 0, 1)[None]
        logits = view.back(fast(batch), Size(*photo.shape[:2]))
        result: Mask = (logits > 0)[0].cpu().numpy()
        return result

    return mask

"""What is trained on drawn photos, in a given time, and how it is scored."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from benchmarks import peer_training
from benchmarks.curve_data import Draw, as_folder
from benchmarks.peer_networks import Peer, PlainUNet
from data.arrays import Mask, Photo
from data.images import read_photo
from data.samples import Sample, read_sample_mask
from pipeline.config import Config, DataConfig
from pipeline.evaluation.metrics import boundary_error, overlap
from pipeline.full_training.request import Request
from pipeline.full_training.train import train as full_training
from pipeline.inference.devices import to_device
from pipeline.inference.segmenter import Segmenter
from pipeline.training import commands, fitted_settings, patch_extraction, run_folder

CPU = torch.device("cpu")

WIDTHS = (16, 32, 64, 128, 256)
"""Channels of the plain U-Net, with which it has 1.9 million parameters."""

ASKED = 20
"""Photos that are asked for, beyond those that were drawn."""

COARSE_SHARE = 0.6
"""Share of the time that stage one of the default settings is given."""

MOST_UNSURE = 60
"""Photos of which the expected Dice is found before the least certain are chosen, at most."""

Masker = Callable[[Photo], Mask]


@dataclass(frozen=True)
class TrainedMethod:
    """A network that makes masks (H, W) bool of photos (H, W, 3) uint8."""

    mask: Masker
    seconds: float
    """That its training took."""


def by_train(drawn: Draw, work: Path, seconds: float) -> TrainedMethod:
    """Train by the command `train`."""
    return _full(drawn, drawn.train, work, seconds)


def by_defaults(drawn: Draw, work: Path, seconds: float) -> TrainedMethod:
    """Train both stages with the default settings, as the stage commands do, but for the time."""
    started = time.monotonic()
    data, run = [as_folder(drawn.train, work / "data")], work / "run"
    groups = {sample.group for sample in drawn.train}
    num_val = fitted_settings.num_validation_groups(len(groups))
    share = fitted_settings.val_share(groups, num_val)
    config = Config(data=DataConfig(group=drawn.group, val_share=share))

    def until(end: float) -> Callable[[], float]:
        return lambda: started + end - time.monotonic()

    with run_folder.locked(run):
        commands.run_coarse(data, run, config, CPU, until(COARSE_SHARE * seconds))
        model = replace(run_folder.model_so_far(run), refiner=None)
        patch_extraction.make_patches(data, run, model, config, CPU)
        commands.run_refiner(run, config, CPU, until(seconds))
    segmenter = Segmenter.load(run / "model", "cpu")
    return TrainedMethod(segmenter, time.monotonic() - started)


def by_unet(drawn: Draw, _work: Path, seconds: float) -> TrainedMethod:
    """Train a plain U-Net at half of the working size, on all photos."""
    started = time.monotonic()
    peer = Peer("plain-unet", "unet", level=1, cpu_batch_size=2)
    torch.manual_seed(0)
    network = to_device(PlainUNet(WIDTHS), CPU)
    config = Config()
    peer_training.train(network, peer, drawn.train, config, minutes=seconds / 60)
    view = peer_training.view_of(peer, config.data.long_side)
    mask = peer_training.masker(network, view, "auto")
    return TrainedMethod(mask, time.monotonic() - started)


def by_random_photos(drawn: Draw, work: Path, seconds: float) -> TrainedMethod:
    """Train by `train` on the drawn photos and `ASKED` more, the next of the draw."""
    return _full(drawn, [*drawn.train, *drawn.pool[:ASKED]], work, seconds)


def by_least_certain(drawn: Draw, work: Path, seconds: float) -> TrainedMethod:
    """Train by `train` on the drawn photos and the `ASKED` that a first model is least sure of."""
    started = time.monotonic()
    segmenter = _segmenter(drawn, drawn.train, work / "first", seconds)
    expected = {
        sample: segmenter.predict(read_photo(sample.photo)).predicted_dice
        for sample in drawn.pool[:MOST_UNSURE]
    }
    least = sorted(expected, key=lambda sample: expected[sample])[:ASKED]
    second = _segmenter(drawn, [*drawn.train, *least], work / "second", seconds)
    return TrainedMethod(second, time.monotonic() - started)


def _full(drawn: Draw, samples: Sequence[Sample], work: Path, seconds: float) -> TrainedMethod:
    started = time.monotonic()
    segmenter = _segmenter(drawn, samples, work, seconds)
    return TrainedMethod(segmenter, time.monotonic() - started)


def _segmenter(drawn: Draw, samples: Sequence[Sample], work: Path, seconds: float) -> Segmenter:
    """Return the model that `train` makes of `samples`."""
    data = [as_folder(samples, work / "data")]
    given = {"data": {"group": drawn.group}}
    outcome = full_training(Request(data, work / "run", given, CPU, seconds))
    return Segmenter.load(outcome.model, "cpu")


METHODS: Mapping[str, Callable[[Draw, Path, float], TrainedMethod]] = {
    "train": by_train,
    "defaults": by_defaults,
    "u-net": by_unet,
    "train-random": by_random_photos,
    "train-least-certain": by_least_certain,
}


def scores_of(samples: Sequence[Sample], mask: Masker) -> dict[str, Any]:
    """Return the scores of the masks of `samples`, at the photos' own size."""
    dice, errors = [], []
    for sample in samples:
        truth, predicted = read_sample_mask(sample), mask(read_photo(sample.photo))
        dice.append(overlap(predicted, truth).dice)
        errors.append(boundary_error(predicted, truth))
    known = [error for error in errors if not math.isnan(error)]
    return {
        "dice": round(fmean(dice), 5),
        "worst_dice": round(min(dice), 5),
        "boundary_error_px": round(fmean(known), 3) if known else None,
    }

"""Fitting what a model says of its own errors, on photos that it was not trained on.

These are the interval around its expected Dice, and the guard of given masks.
"""

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from data.arrays import Photo
from data.errors import InputError
from data.geometry import Size
from data.images import read_photo
from data.masks import read_mask
from data.samples import Sample, check_fit, check_sizes
from data.threads import raise_first
from pipeline.dice_interval import MIN_GROUPS, DiceInterval, fit_dice_interval
from pipeline.evaluation.evaluate import choose
from pipeline.evaluation.guard_fit import exact_changes
from pipeline.evaluation.metrics import overlap
from pipeline.inference.devices import choose_device
from pipeline.inference.mask_options import DEFAULT_OPTIONS
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import predict_stream
from pipeline.model_folder import WEIGHTS, find_model, load_model, save_model
from pipeline.progress import progress
from refine.guard import fit_guard

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DicePair:
    """What a model expects of a mask, and what is true."""

    group: str
    expected: float
    true: float
    is_known: bool
    """Whether the photo is like those of training, as far as the model can tell."""


def calibrate(data: Path, name: Path, device: str) -> dict[str, Any]:
    """Fit interval and guard of the model in the folder `name`, write them there, and say them.

    Photos that the model was trained on are left out, and photos unlike those.

    Raises:
        InputError: there is no such model, it comes with the package, photos or masks are damaged,
            or there are too few groups of photos.
    """
    folder = find_model(name)
    if folder.parent == WEIGHTS and not name.is_dir():
        raise InputError(
            f"the model {name} comes with the package, and is not changed; copy {folder}, and name "
            "the copy"
        )
    model = load_model(folder)
    segmenter = Segmenter.from_model(model, choose_device(device))
    samples, _ = choose(data, segmenter, "unseen")
    check_sizes(samples)
    pairs = dice_pairs(samples, segmenter)
    known = [pair for pair in pairs if pair.is_known]
    if len(known) < len(pairs):
        log.warning(
            "%d of %d photos are unlike those that the model was trained on, and are left out",
            len(pairs) - len(known),
            len(pairs),
        )
    interval = interval_of_pairs(known)
    if interval is None:
        num_groups = len({pair.group for pair in known})
        raise InputError(
            f"{data} has photos of {num_groups} groups that the model was not trained on; an "
            f"interval for photos of new groups takes {MIN_GROUPS}"
        )
    fitted = replace(model, dice_interval=interval)
    if model.refiner is not None:
        with progress("refining exact masks") as on_photo:
            fitted = replace(fitted, guard=fit_guard(exact_changes(samples, segmenter, on_photo)))
    save_model(fitted, folder)
    expected = fmean(pair.expected for pair in known)
    low, high = interval.around(expected)
    means = {"expected_dice": expected, "true_dice": fmean(pair.true for pair in known)}
    ends = {"low_at_mean": low, "high_at_mean": high}
    table = {"model": str(name)} | interval.to_json() | means | ends
    return table | {"guard": fitted.guard.to_json()}


def dice_pairs(samples: Sequence[Sample], segmenter: Segmenter) -> list[DicePair]:
    """Return the expected and the true Dice of the masks of `samples`, in their order.

    Raises:
        InputError: a photo or a mask is damaged.
    """

    def read(sample: Sample) -> Photo:
        return read_photo(sample.photo)

    def finish(sample: Sample, prediction: Prediction) -> DicePair:
        truth = read_mask(sample.mask)
        check_fit(sample, Size(*prediction.photo.shape[:2]), Size(*truth.shape))
        true = overlap(prediction.mask, truth).dice
        is_known = prediction.is_known is not False
        return DicePair(sample.group, prediction.predicted_dice, true, is_known)

    pairs = []
    predict = partial(segmenter.predict_batch, options=DEFAULT_OPTIONS)
    results = raise_first(predict_stream(samples, read, predict, finish, segmenter.device))
    with closing(results), progress("comparing expected and true Dice") as on_photo:
        for pair in results:
            pairs.append(pair)
            on_photo(len(pairs), len(samples))
    return pairs


def interval_of_pairs(pairs: Sequence[DicePair]) -> DiceInterval | None:
    """Return the interval fitted to `pairs`; None if they are of too few groups."""
    return fit_dice_interval(
        [pair.expected for pair in pairs],
        [pair.true for pair in pairs],
        [pair.group for pair in pairs],
    )

"""Scores of a model on photos with masks, coarse and refined side by side."""

import csv
import logging
import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from data.errors import InputError
from data.files import replacing_table
from data.images import read_photo
from data.masks import read_mask
from data.samples import CARVANA_GROUP, Sample, check_samples, find_samples
from data.threads import raise_first
from pipeline.evaluation.metrics import boundary_error, boundary_iou, overlap, rank_correlation
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions, Stage
from pipeline.inference.segmenter import Prediction, Segmenter
from pipeline.inference.stream import predict_stream
from pipeline.model import Model
from pipeline.progress import progress

log = logging.getLogger(__name__)

Split = Literal["unseen", "all"]

SCORE_COLUMNS = ("name", "tiles")
"""The first of a table of scores."""


@dataclass(frozen=True)
class Scores:
    """How good one mask is."""

    dice: float
    boundary_error_px: float
    """Mean distance between the contours; NaN where only one of them exists."""
    boundary_iou_2px: float


@dataclass(frozen=True)
class PhotoScores:
    """How good the masks of one photo are."""

    name: str
    coarse_nearest: Scores
    coarse: Scores
    refined: Scores | None
    postprocessed: Scores | None
    """Of the finished mask, where anything is done to it after the threshold."""
    tiles: int
    tiles_share: float
    predicted_dice: float
    """What the model itself expects of its mask."""

    @property
    def finished(self) -> Scores:
        """Of the mask that the model hands over."""
        return self.postprocessed or self.refined or self.coarse


def evaluate(
    data: Path,
    segmenter: Segmenter,
    options: MaskOptions = DEFAULT_OPTIONS,
    *,
    split: Split = "unseen",
) -> tuple[dict[str, Any], list[PhotoScores]]:
    """Return mean scores, ready for JSON, and those of each photo.

    Args:
        data: photos with masks, in one of the layouts known.
        segmenter: the model.
        options: how its masks are made.
        split: `unseen` leaves out the photos of groups that the model was trained on.

    Raises:
        InputError: photos or masks are at fault, or the model has seen all of them.
    """
    stage = segmenter.check_stage(options.stage)
    samples, num_seen = choose(data, segmenter, split)
    check_samples(samples)

    def read(sample: Sample) -> NDArray[np.uint8]:
        return read_photo(sample.photo)

    def finish(sample: Sample, prediction: Prediction) -> PhotoScores:
        return score_photo(sample.name, prediction, read_mask(sample.mask), stage)

    photos = []
    predict = partial(segmenter.predict_batch, options=options)
    results = raise_first(predict_stream(samples, read, predict, finish, segmenter.device))
    with closing(results), progress("evaluating") as on_photo:
        for i, scores in enumerate(results):
            photos.append(scores)
            on_photo(i + 1, len(samples))
    operations = gmac(segmenter, samples[0].photo, stage, [photo.tiles for photo in photos])
    return summary(photos, num_seen) | {"gmac": operations}, photos


def choose(data: Path, segmenter: Segmenter, split: Split) -> tuple[list[Sample], int]:
    """Return the samples to score, and how many were left out because the model knows them.

    Raises:
        InputError: there are none.
    """
    group = data_settings(segmenter.model).get("group", CARVANA_GROUP)
    samples = find_samples(data, group_pattern=group)
    if split == "all":
        return samples, 0
    unseen = [sample for sample in samples if sample.group not in segmenter.model.seen]
    if not unseen:
        raise InputError(
            f"the model was trained on all {len(samples)} photos in {data}; "
            "`foveamask evaluate --split all` scores them nevertheless"
        )
    return unseen, len(samples) - len(unseen)


def data_settings(model: Model) -> dict[str, Any]:
    """Return the settings of the data that `model` was trained on, as far as it tells them."""
    return dict(model.provenance.get("settings", {}).get("data", {}))


def score_photo(
    name: str, prediction: Prediction, truth: NDArray[np.bool_], stage: Stage
) -> PhotoScores:
    """Return how good the masks of one photo are."""
    return PhotoScores(
        name=name,
        coarse_nearest=score(prediction.coarse_nearest, truth),
        coarse=score(prediction.coarse > 0, truth),
        refined=score(prediction.logits > 0, truth) if stage == "refined" else None,
        postprocessed=score(prediction.mask, truth) if prediction.steps else None,
        tiles=len(prediction.tiles),
        tiles_share=len(prediction.tiles) / prediction.num_tiles,
        predicted_dice=prediction.predicted_dice,
    )


def score(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> Scores:
    """Return how good `mask` is, both (H, W) bool."""
    return Scores(
        dice=overlap(mask, truth).dice,
        boundary_error_px=boundary_error(mask, truth),
        boundary_iou_2px=boundary_iou(mask, truth),
    )


def summary(photos: Sequence[PhotoScores], num_seen: int) -> dict[str, Any]:
    """Return the means over photos, ready for JSON."""
    result: dict[str, Any] = {
        "photos": len(photos),
        "left_out_as_seen_in_training": num_seen,
        "coarse_nearest": means([photo.coarse_nearest for photo in photos]),
        "coarse": means([photo.coarse for photo in photos]),
    }
    refined = [photo for photo in photos if photo.refined is not None]
    if refined:
        better = [p.refined.dice > p.coarse.dice for p in refined if p.refined is not None]
        result["refined"] = means([p.refined for p in refined if p.refined is not None])
        result["refined_better_share"] = fmean(better)
        result["tiles"] = fmean(photo.tiles for photo in photos)
        result["tiles_share"] = fmean(photo.tiles_share for photo in photos)
    predicted = [photo.predicted_dice for photo in photos]
    true = [photo.finished.dice for photo in photos]
    result["predicted_dice"] = fmean(predicted)
    result["predicted_dice_rank_correlation"] = rank_correlation(predicted, true)
    finished = [photo.postprocessed for photo in photos if photo.postprocessed is not None]
    if finished:
        result["postprocessed"] = means(finished)
    return result


def means(scores: Sequence[Scores]) -> dict[str, float | None]:
    """Return the mean of each score; photos without a value are left out, None if none has one."""
    result: dict[str, float | None] = {}
    for name in asdict(scores[0]):
        values = [value for s in scores if not math.isnan(value := getattr(s, name))]
        result[name] = fmean(values) if values else None
    return result


def gmac(segmenter: Segmenter, path: Path, stage: Stage, tiles: Sequence[int]) -> dict[str, float]:
    """Return the multiply-adds in 10^9 for a photo of the size of that at `path`, by stage.

    `tiles` are the numbers of tiles refined in each photo, of which the mean counts.
    """
    photo = read_photo(path)
    with FlopCounterMode(display=False) as counter:
        segmenter.propose(photo, budget=0)
    result = {"coarse": counter.get_total_flops() / 2e9}
    if stage == "refined":
        fovea = segmenter.model.fovea
        sides = [fovea.window_side(level) for level in range(fovea.levels)]
        one = [torch.zeros(1, s, s, 4, dtype=torch.uint8, device=segmenter.device) for s in sides]
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            segmenter.refiner()(one)
        result["refined"] = result["coarse"] + counter.get_total_flops() / 2e9 * fmean(tiles)
    return result


def write_score_table(path: Path, photos: Sequence[PhotoScores]) -> None:
    """Write one row a photo to a csv file at `path`, the worst first."""
    ordered = sorted(photos, key=lambda photo: photo.finished.dice)
    rows = [_row(photo) for photo in ordered]
    with replacing_table(path, SCORE_COLUMNS) as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def _row(photo: PhotoScores) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": photo.name,
        "tiles": photo.tiles,
        "tiles_share": f"{photo.tiles_share:.6f}",
        "predicted_dice": f"{photo.predicted_dice:.6f}",
    }
    for stage in ("coarse_nearest", "coarse", "refined", "postprocessed"):
        scores = getattr(photo, stage)
        if scores is not None:
            row |= {f"{stage}_{key}": f"{value:.6f}" for key, value in asdict(scores).items()}
    return row

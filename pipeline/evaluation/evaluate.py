"""Scores of a model on photos with masks, coarse and refined side by side."""

import csv
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from data.arrays import Mask, Photo
from data.errors import InputError
from data.geometry import Size
from data.groups import CARVANA_GROUP
from data.images import read_photo, read_size
from data.printable import cell, quoted
from data.samples import (
    Sample,
    check_fit,
    check_object_shares,
    check_samples,
    check_sizes,
    find_samples,
    read_sample_mask,
)
from data.tables import replacing_table
from data.threads import raise_first
from pipeline import Stage
from pipeline.config import DataConfig
from pipeline.evaluation.cost import photo_cost
from pipeline.evaluation.scores import PhotoScores, Summary, score_photo, summarize
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import predict_stream
from pipeline.model import Model
from pipeline.progress import progress
from pipeline.seen_photos import seen_hashes, seen_samples

log = logging.getLogger(__name__)

Split = Literal["unseen", "all"]

Observe = Callable[[Sample, Prediction, Mask, PhotoScores], None]
"""Called from several threads with each photo: its prediction, its true mask and its scores."""

SCORE_COLUMNS = ("name", "tiles")
"""The first columns of a table of scores."""


def evaluate(
    data: Path,
    segmenter: Segmenter,
    options: MaskOptions = DEFAULT_OPTIONS,
    *,
    split: Split = "unseen",
    groups: Collection[str] = (),
    settings: DataConfig | None = None,
    observe: Observe | None = None,
) -> tuple[Summary, list[PhotoScores]]:
    """Return mean scores, and those of each photo.

    The headers of all files are checked first. Each mask is decoded once, when it is scored. If one
    is damaged, all masks are checked, so that every damaged file is named.

    Args:
        data: photos with masks, in one of the known layouts.
        segmenter: the model.
        options: how its masks are made.
        split: `unseen` leaves out the photos of groups that the model was trained on.
        groups: names of the only groups to score; none for all.
        settings: how the photos are grouped, and which values of the masks are the object; by
            default as in the training of the model.
        observe: see `Observe`.

    Raises:
        InputError: photos or masks are damaged, no photo is of one of the `groups`, or the model
            was trained on all of them.
    """
    stage = segmenter.check_stage(options.stage)
    samples, num_seen = choose(data, segmenter, split, settings, groups)
    check_sizes(samples)
    try:
        photos = score_samples(samples, segmenter, options, stage, observe)
    except InputError:
        check_samples(samples)
        raise
    size, num_tiles = read_size(samples[0].photo), fmean(photo.tiles for photo in photos)
    gmac = photo_cost(segmenter.model, size, stage, num_tiles)
    return summarize(photos, num_seen, gmac), photos


def score_samples(
    samples: Sequence[Sample],
    segmenter: Segmenter,
    options: MaskOptions,
    stage: Stage,
    observe: Observe | None = None,
) -> list[PhotoScores]:
    """Return the scores of the masks of `samples`, in their order.

    Raises:
        InputError: a photo or a mask is damaged.
    """

    def read(sample: Sample) -> Photo:
        return read_photo(sample.photo)

    def finish(sample: Sample, prediction: Prediction) -> tuple[PhotoScores, float]:
        truth = read_sample_mask(sample)
        check_fit(sample, Size(*prediction.photo.shape[:2]), Size(*truth.shape))
        scores = score_photo(sample.name, prediction, truth, stage)
        if observe is not None:
            observe(sample, prediction, truth, scores)
        return scores, float(truth.mean())

    photos, shares = [], []
    predict = partial(segmenter.predict_batch, options=options)
    results = raise_first(predict_stream(samples, read, predict, finish, segmenter.device))
    with closing(results), progress("evaluating") as on_photo:
        for i, (scores, share) in enumerate(results):
            photos.append(scores)
            shares.append(share)
            on_photo(i + 1, len(samples))
    check_object_shares(samples, shares)
    return photos


def choose(
    data: Path,
    segmenter: Segmenter,
    split: Split,
    settings: DataConfig | None = None,
    groups: Collection[str] = (),
) -> tuple[list[Sample], int]:
    """Return the samples to score, and the number of samples left out as seen in training.

    Raises:
        InputError: there are none to score, or none of one of the `groups`.
    """
    own = data_settings(segmenter.model).get("group", CARVANA_GROUP)
    samples = find_samples(
        data,
        group_pattern=settings.group if settings else own,
        object_values=settings.object if settings else object_of(segmenter.model),
    )
    if groups:
        samples = _of_groups(samples, groups, data)
    if split == "all":
        return samples, 0
    if not segmenter.model.seen and not seen_hashes(segmenter.model):
        log.warning(
            "the model does not name the groups that it was trained on, so all %d photos in %s "
            "are scored, seen in training or not",
            len(samples),
            data,
        )
    seen = seen_samples(segmenter.model, samples)
    unseen = [sample for sample, known in zip(samples, seen, strict=True) if not known]
    if not unseen:
        raise InputError(
            f"the model was trained on all {len(samples)} photos in {data}; "
            "`foveamask evaluate --split all` scores them nevertheless"
        )
    return unseen, len(samples) - len(unseen)


def _of_groups(samples: Sequence[Sample], groups: Collection[str], data: Path) -> list[Sample]:
    """Return the samples of `groups`, each of which has some.

    Raises:
        InputError: one has none.
    """
    known = {sample.group for sample in samples}
    unknown = [name for name in groups if name not in known]
    if unknown:
        raise InputError(
            f"no photo in {data} is of the group {quoted(unknown[0])}; its {len(known)} groups are "
            f"{quoted(', '.join(sorted(known)))}"
        )
    return [sample for sample in samples if sample.group in groups]


def data_settings(model: Model) -> dict[str, Any]:
    """Return the data settings that `model` was trained with; empty if it does not name them."""
    return dict(model.provenance.get("settings", {}).get("data", {}))


def object_of(model: Model) -> tuple[int | str, ...]:
    """Return which values of masks were the object in the training of `model`."""
    return tuple(data_settings(model).get("object", ()))


def write_score_table(path: Path, photos: Sequence[PhotoScores]) -> None:
    """Write the scores of each photo to a csv file at `path`, the worst photo first."""
    ordered = sorted(photos, key=lambda photo: photo.finished.dice)
    rows = [_row(photo) for photo in ordered]
    with replacing_table(path, SCORE_COLUMNS) as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def _row(photo: PhotoScores) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": cell(photo.name),
        "tiles": photo.tiles,
        "tiles_share": f"{photo.tiles_share:.6f}",
        "predicted_dice": f"{photo.predicted_dice:.6f}",
    }
    for stage in ("coarse_nearest", "coarse", "refined", "postprocessed"):
        scores = getattr(photo, stage)
        if scores is not None:
            row |= {f"{stage}_{key}": f"{value:.6f}" for key, value in asdict(scores).items()}
    return row

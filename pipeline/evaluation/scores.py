"""Scores of one photo's masks, and their means over photos, as values.

Coarse and refined masks are scored side by side.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import Stage
from pipeline.evaluation.cost import PhotoCost
from pipeline.evaluation.metrics import boundary_error, boundary_iou, overlap, rank_correlation
from pipeline.inference.prediction import Prediction


@dataclass(frozen=True)
class Scores:
    """Scores of one mask against the true one."""

    dice: float
    boundary_error_px: float
    """Mean distance between the contours; NaN if only one of them exists."""
    boundary_iou_2px: float


@dataclass(frozen=True)
class PhotoScores:
    """Scores of the masks of one photo."""

    name: str
    coarse_nearest: Scores
    coarse: Scores
    refined: Scores | None
    """None if the second stage was not run."""
    postprocessed: Scores | None
    """Scores of the finished mask; None if there are no steps after the threshold."""
    tiles: int
    tiles_share: float
    predicted_dice: float
    """Dice that the model itself expects of its mask."""

    @property
    def finished(self) -> Scores:
        """Scores of the mask that the model returns."""
        return self.postprocessed or self.refined or self.coarse


@dataclass(frozen=True)
class MeanScores:
    """Means of `Scores` over photos."""

    dice: float
    boundary_error_px: float | None
    """Mean over the photos that have a value; None if none has one."""
    boundary_iou_2px: float


@dataclass(frozen=True)
class Summary:
    """Means over all photos that were scored."""

    photos: int
    left_out_as_seen_in_training: int
    coarse_nearest: MeanScores
    coarse: MeanScores
    refined: MeanScores | None
    refined_better_share: float | None
    """Share of photos whose refined mask has a higher Dice than the coarse one."""
    tiles: float
    tiles_share: float
    predicted_dice: float
    predicted_dice_rank_correlation: float | None
    """Spearman's, with the Dice of the finished masks; None if one of the two is constant."""
    postprocessed: MeanScores | None
    gmac: PhotoCost

    def to_json(self) -> dict[str, Any]:
        """Return what `foveamask evaluate` prints: stages that were not run are left out."""
        result: dict[str, Any] = {
            "photos": self.photos,
            "left_out_as_seen_in_training": self.left_out_as_seen_in_training,
            "coarse_nearest": asdict(self.coarse_nearest),
            "coarse": asdict(self.coarse),
        }
        if self.refined is not None:
            result["refined"] = asdict(self.refined)
            result["refined_better_share"] = self.refined_better_share
            result["tiles"] = self.tiles
            result["tiles_share"] = self.tiles_share
        result["predicted_dice"] = self.predicted_dice
        result["predicted_dice_rank_correlation"] = self.predicted_dice_rank_correlation
        if self.postprocessed is not None:
            result["postprocessed"] = asdict(self.postprocessed)
        return result | {"gmac": self.gmac.to_json()}


def score_photo(
    name: str, prediction: Prediction, truth: NDArray[np.bool_], stage: Stage
) -> PhotoScores:
    """Return the scores of the masks of one photo; `truth` is (H, W)."""
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
    """Return the scores of `mask` against `truth`, both (H, W) bool."""
    return Scores(
        dice=overlap(mask, truth).dice,
        boundary_error_px=boundary_error(mask, truth),
        boundary_iou_2px=boundary_iou(mask, truth),
    )


def summarize(photos: Sequence[PhotoScores], num_seen: int, gmac: PhotoCost) -> Summary:
    """Return the means over `photos`, of which there is at least one.

    Args:
        photos: their scores, all of the same stages.
        num_seen: number of photos left out because the model was trained on their groups.
        gmac: mean multiply-adds of a photo.
    """
    refined = [photo.refined for photo in photos if photo.refined is not None]
    finished = [photo.postprocessed for photo in photos if photo.postprocessed is not None]
    better = [
        photo.refined.dice > photo.coarse.dice for photo in photos if photo.refined is not None
    ]
    predicted = [photo.predicted_dice for photo in photos]
    return Summary(
        photos=len(photos),
        left_out_as_seen_in_training=num_seen,
        coarse_nearest=mean_scores([photo.coarse_nearest for photo in photos]),
        coarse=mean_scores([photo.coarse for photo in photos]),
        refined=mean_scores(refined) if refined else None,
        refined_better_share=fmean(better) if better else None,
        tiles=fmean(photo.tiles for photo in photos),
        tiles_share=fmean(photo.tiles_share for photo in photos),
        predicted_dice=fmean(predicted),
        predicted_dice_rank_correlation=rank_correlation(
            predicted, [photo.finished.dice for photo in photos]
        ),
        postprocessed=mean_scores(finished) if finished else None,
        gmac=gmac,
    )


def mean_scores(scores: Sequence[Scores]) -> MeanScores:
    """Return the means of `scores`, of which there is at least one."""
    errors = [s.boundary_error_px for s in scores if not math.isnan(s.boundary_error_px)]
    return MeanScores(
        dice=fmean(s.dice for s in scores),
        boundary_error_px=fmean(errors) if errors else None,
        boundary_iou_2px=fmean(s.boundary_iou_2px for s in scores),
    )

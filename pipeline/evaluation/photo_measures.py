"""What a report measures of one photo besides its scores, as sums that can be added up.

Shapes: H x W the photo.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch

from data.arrays import Mask
from pipeline import Stage
from pipeline.evaluation.budget_curve import ORDERS, dice_within, tile_gains
from pipeline.evaluation.error_breakdown import DISTANCES
from pipeline.evaluation.metrics import distance_to_contour
from pipeline.evaluation.reliability import Bin, Reliability
from pipeline.inference.prediction import Prediction

BUDGETS = (0, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Most tiles that are refined, for the Dice with so many; less than that many are all there are."""

RANGES = (
    *(f"{low} to {high}" for low, high in zip((0, *DISTANCES), DISTANCES, strict=False)),
    f"over {DISTANCES[-1]}",
)
"""Distances from the true contour in pixels, as text."""


@dataclass(frozen=True)
class PhotoMeasures:
    """Measures of one photo."""

    reliability: Sequence[Sequence[float]]
    """Counts of `Reliability`."""
    wrong: Mapping[str, Sequence[int]]
    """Wrong pixels of each stage, in each of `RANGES`."""
    budget: Mapping[str, Sequence[float]] | None
    """Dice with each of `BUDGETS`, for each of `ORDERS`; None if no tiles were refined, or the
    photo was resampled, so that tiles do not lie on its pixels."""


def measure_photo(prediction: Prediction, truth: Mask, stage: Stage) -> PhotoMeasures:
    """Return the measures of a photo, against its true mask (H, W)."""
    reliability = Reliability()
    p = torch.sigmoid(prediction.on_device).cpu().numpy()
    reliability.add(p, truth.astype(np.float32))
    distance = distance_to_contour(truth)
    masks = {"coarse": prediction.coarse > 0}
    if stage == "refined":
        masks["refined"] = prediction.logits > 0
    edges = [-np.inf, *DISTANCES, np.inf]
    wrong = {
        name: np.histogram(distance[mask != truth], edges)[0].tolist()
        for name, mask in masks.items()
    }
    is_on_tiles = prediction.proposal.size == prediction.proposal.working
    budget = None
    if stage == "refined" and is_on_tiles and len(prediction.tiles):
        gains = tile_gains(prediction, truth)
        budget = {order: [dice_within(gains, num, order) for num in BUDGETS] for order in ORDERS}
    return PhotoMeasures(reliability.counts.tolist(), wrong, budget)


def all_bins(photos: Sequence[PhotoMeasures]) -> list[Bin]:
    """Return the reliability of the probabilities of all photos together."""
    reliability = Reliability()
    for photo in photos:
        reliability.counts += np.array(photo.reliability)
    return reliability.bins()


def mean_wrong(photos: Sequence[PhotoMeasures]) -> dict[str, list[float]]:
    """Return the wrong pixels of a photo by stage, in each of `RANGES`; means over `photos`."""
    stages = list(photos[0].wrong) if photos else []
    return {
        stage: [
            fmean(counts) for counts in zip(*(photo.wrong[stage] for photo in photos), strict=True)
        ]
        for stage in stages
    }


def mean_budget(photos: Sequence[PhotoMeasures]) -> dict[str, list[float]]:
    """Return the Dice with each of `BUDGETS` by order, of the photos that have it; else nothing."""
    known = [photo.budget for photo in photos if photo.budget is not None]
    if not known:
        return {}
    return {
        order: [fmean(dice) for dice in zip(*(budget[order] for budget in known), strict=True)]
        for order in ORDERS
    }

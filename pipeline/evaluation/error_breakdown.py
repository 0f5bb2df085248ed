"""Where the wrong pixels of a mask are, and how much better parts of the model would gain.

Shapes: H x W a photo at working size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask
from data.tile_grid import tile_mask
from pipeline.evaluation.metrics import distance_to_contour, overlap
from pipeline.evaluation.working_size import check_at_working_size
from pipeline.inference.prediction import Prediction

DISTANCES = (1, 2, 4, 8)
"""Distances from the true contour, in pixels, between the bins of `ErrorBreakdown.by_distance`."""

THRESHOLDS = np.arange(-3, 3.1, 0.5)
"""Logits tried as the threshold of a photo."""


@dataclass(frozen=True)
class ErrorBreakdown:
    """Errors in the masks of one photo. The first four values are Dice."""

    coarse: float
    refined: float
    perfect_tiles: float
    """Dice if all refined tiles were as in the true mask."""
    best_threshold: float
    """Dice with the best threshold for this photo. The gain is a lower bound of the cost of labels
    that are drawn too wide or too tight."""
    wrong: int
    """Wrong pixels of the refined mask."""
    outside: int
    """Wrong pixels outside the refined tiles."""
    by_distance: NDArray[np.int64]
    """(5,) wrong pixels by their distance from the true contour, in bins between `DISTANCES`."""


def break_down(prediction: Prediction, truth: Mask) -> ErrorBreakdown:
    """Return the errors of a refined prediction, against the (H, W) `truth`.

    Raises:
        InputError: the photo was resampled to its working size.
    """
    check_at_working_size(prediction.proposal)
    coarse, refined = prediction.coarse > 0, prediction.logits > 0
    inside = in_refined_tiles(prediction)
    wrong = refined != truth
    edges = [-np.inf, *DISTANCES, np.inf]
    return ErrorBreakdown(
        coarse=overlap(coarse, truth).dice,
        refined=overlap(refined, truth).dice,
        perfect_tiles=overlap(np.where(inside, truth, coarse), truth).dice,
        best_threshold=max(overlap(prediction.logits > t, truth).dice for t in THRESHOLDS),
        wrong=int(wrong.sum()),
        outside=int((wrong & ~inside).sum()),
        by_distance=np.histogram(distance_to_contour(truth)[wrong], edges)[0].astype(np.int64),
    )


def in_refined_tiles(prediction: Prediction) -> Mask:
    """Return (H, W): which pixels of a photo at working size lie in a refined tile."""
    height, width = prediction.proposal.working
    return tile_mask(prediction.tiles, prediction.proposal.padded, prediction.tile)[:height, :width]

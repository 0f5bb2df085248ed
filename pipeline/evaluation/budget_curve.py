"""Dice against the budget of tiles, for several orders in which tiles could be refined.

Shapes: H x W a photo at working size, h x w its coarse size, N its uncertain tiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from data.arrays import Mask
from data.geometry import Size
from data.tile_grid import to_blocks
from pipeline.evaluation.metrics import Overlap, overlap
from pipeline.evaluation.working_size import check_at_working_size
from pipeline.inference.prediction import Prediction

ORDERS = ("summed uncertainty", "largest uncertainty", "true gain")
"""Ranking of tiles: by uncertainty summed over the tile, as the model does; by the most uncertain
pixel; by the wrong pixels that refining removes, which is known only with the true mask."""


@dataclass(frozen=True)
class TileGains:
    """The changes by refining each tile of one photo."""

    coarse: Overlap
    """Overlap of the coarse mask of the whole photo with the true mask."""
    intersection: NDArray[np.int64]
    """(N,) pixels by which the intersection with the true mask grows."""
    predicted: NDArray[np.int64]
    """(N,) pixels by which the mask grows."""
    orders: dict[str, NDArray[np.float32]]
    """(N,) for each of `ORDERS`: tiles with larger values are refined first."""


@dataclass(frozen=True)
class BudgetPoint:
    """Means over photos for one budget."""

    budget: int | None
    """Most tiles to refine per photo; None for all uncertain tiles."""
    tiles: float
    """Number of refined tiles."""
    dice: dict[str, float]
    """Dice for each of `ORDERS`."""


def tile_gains(prediction: Prediction, truth: Mask) -> TileGains:
    """Return the gains of all tiles of a refined prediction, against the (H, W) `truth`.

    Raises:
        InputError: the photo was resampled to its working size.
    """
    proposal, side = prediction.proposal, prediction.tile
    check_at_working_size(proposal)
    coarse, refined = prediction.coarse > 0, prediction.logits > 0
    rows, columns = prediction.tiles.T

    def growth(before: Mask, after: Mask) -> NDArray[np.int64]:
        old, new = (pixels_in_tiles(mask, proposal.padded, side) for mask in (before, after))
        return np.asarray((new - old)[rows, columns], np.int64)

    intersection, predicted = growth(coarse & truth, refined & truth), growth(coarse, refined)
    largest = largest_uncertainty(proposal.coarse, side // proposal.stride)
    by_order = (
        proposal.tile_uncertainty[0].cpu().numpy()[rows, columns],
        largest.cpu().numpy()[rows, columns],
        # A new pixel in both masks is one wrong pixel less, a new pixel in ours alone one more.
        (2 * intersection - predicted).astype(np.float32),
    )
    return TileGains(
        coarse=overlap(coarse, truth),
        intersection=intersection,
        predicted=predicted,
        orders=dict(zip(ORDERS, by_order, strict=True)),
    )


def pixels_in_tiles(mask: Mask, whole: Size, side: int) -> NDArray[np.int64]:
    """Return the number of pixels of `mask` (H, W) in each tile of the padded photo `whole`."""
    canvas = np.zeros(whole, np.uint8)
    canvas[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(to_blocks(canvas, side).sum((2, 3)), np.int64)


def largest_uncertainty(coarse: Tensor, side: int) -> Tensor:
    """Return the largest min(p, 1 - p) in each tile of `side` pixels of (1, h, w) logits."""
    p = torch.sigmoid(coarse.float())
    return F.max_pool2d(torch.minimum(p, 1 - p), side)[0]


def dice_within(gains: TileGains, budget: int | None, order: str) -> float:
    """Return the Dice of a photo of which the first `budget` tiles in `order` are refined."""
    first = np.argsort(-gains.orders[order], kind="stable")[:budget]
    return Overlap(
        gains.coarse.intersection + int(gains.intersection[first].sum()),
        gains.coarse.predicted + int(gains.predicted[first].sum()),
        gains.coarse.truth,
    ).dice


def budget_curve(photos: Sequence[TileGains], budgets: Sequence[int]) -> list[BudgetPoint]:
    """Return the means over `photos` for each of `budgets`, and finally for all tiles."""
    return [
        BudgetPoint(
            budget=budget,
            tiles=fmean(len(gains.predicted[:budget]) for gains in photos),
            dice={
                order: fmean(dice_within(gains, budget, order) for gains in photos)
                for order in ORDERS
            },
        )
        for budget in (*budgets, None)
    ]

"""Which tiles a trained model refines: as few as gain as much as all of them.

A refiner is trained on all tiles that are the least bit uncertain. In many of them it changes
nothing, or as much for the worse as for the better.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from data.images import read_photo
from data.pyramid import to_working_size
from data.samples import Sample, read_sample_mask
from data.threads import raise_first
from pipeline.evaluation.budget_curve import ORDERS, TileGains, dice_within, tile_gains
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import map_photos

SUMMED, LARGEST, _ = ORDERS

LOWS = (0.02, 0.05, 0.08, 0.12, 0.16, 0.2, 0.25, 0.3)
"""Lower bounds of uncertain pixels to choose from; the upper bound is 1 minus the lower one."""

BUDGETS = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""Budgets to choose from, in tiles."""

SPARE = 2
"""Times the budget that is enough for the photos at hand: others may need more."""

NEGLIGIBLE = 0.02
"""Share of the gain by refining all tiles that may be lost, for fewer tiles."""

LEAST = 1e-5
"""Dice that may be lost in any case."""


@dataclass(frozen=True)
class TileChoice:
    """Which tiles are refined, and what that gains on the photos it was chosen on."""

    low: float
    """Lower bound of uncertain pixels; the upper one is 1 minus this."""
    budget: int
    """Most tiles of a photo."""
    tiles: float
    """Refined tiles of a photo, on average."""
    dice: float
    dice_of_all: float
    """If all tiles were refined that are uncertain at the bounds of the model."""
    dice_of_coarse: float


def measure_tiles(
    samples: Sequence[Sample], segmenter: Segmenter, on_photo: Callable[[int, int], None]
) -> list[TileGains]:
    """Return what refining each tile of `samples` gains, at working size.

    Raises:
        InputError: a photo or mask is damaged.
    """

    def measure(sample: Sample) -> TileGains:
        side = segmenter.model.long_side
        photo = to_working_size(read_photo(sample.photo), side)
        mask = to_working_size(read_sample_mask(sample).astype(np.uint8) * 255, side)
        return tile_gains(segmenter.predict(photo), mask >= 128)

    gains = []
    for i, result in enumerate(raise_first(map_photos(measure, samples))):
        gains.append(result)
        on_photo(i + 1, len(samples))
    return gains


def choose_tiles(photos: Sequence[TileGains], lowest: float) -> TileChoice:
    """Return the fewest tiles that gain as much as all those above the bound `lowest`.

    Args:
        photos: the gains of all tiles of each photo, at least one.
        lowest: the lower bound that the tiles were found with.
    """
    by_low = {low: within(photos, low) for low in (lowest, *(x for x in LOWS if x > lowest))}
    coarse, whole = mean_dice(photos, 0), mean_dice(photos, None)
    best = max(mean_dice(kept, None) for kept in by_low.values())
    enough = best - max(LEAST, NEGLIGIBLE * (best - coarse))
    low = max(low for low, kept in by_low.items() if mean_dice(kept, None) >= enough)
    kept = by_low[low]
    most = max(len(gains.predicted) for gains in kept)
    sufficient = min((b for b in BUDGETS if mean_dice(kept, b) >= enough), default=most)
    budget = SPARE * max(sufficient, BUDGETS[0])
    return TileChoice(
        low=low,
        budget=budget,
        tiles=fmean(min(len(gains.predicted), budget) for gains in kept),
        dice=mean_dice(kept, budget),
        dice_of_all=whole,
        dice_of_coarse=coarse,
    )


def within(photos: Sequence[TileGains], low: float) -> list[TileGains]:
    """Return the gains of the tiles that are uncertain with the lower bound `low`."""
    return [_rows(gains, gains.orders[LARGEST] > low) for gains in photos]


def mean_dice(photos: Sequence[TileGains], budget: int | None) -> float:
    """Return the mean Dice if the `budget` most uncertain tiles of each photo are refined."""
    return fmean(dice_within(gains, budget, SUMMED) for gains in photos)


def _rows(gains: TileGains, rows: NDArray[np.bool_]) -> TileGains:
    return replace(
        gains,
        intersection=gains.intersection[rows],
        predicted=gains.predicted[rows],
        orders={name: values[rows] for name, values in gains.orders.items()},
    )

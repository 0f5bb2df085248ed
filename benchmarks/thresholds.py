"""Which pixels count as uncertain: chosen on photos that a model was not trained on.

    python -m benchmarks.thresholds CARVANA --model RUN/model --write RUN/model

A coarse pixel is uncertain where low < p < high. With `high` = 1 - `low`, a tile is refined if the
uncertainty min(p, 1 - p) of one of its pixels is above `low`. So each photo is refined once, in all
tiles that the lowest of `LOWS` calls uncertain, and the Dice of every other bound follows from the
pixels that each tile gains.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np
from cyclopts import App

from benchmarks.markdown import of_model, table
from benchmarks.thinning import one_in
from data.files import replacing
from data.images import read_photo
from data.masks import read_mask
from data.samples import Sample
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.evaluation import evaluate
from pipeline.evaluation.budget_curve import ORDERS, TileGains, dice_within, tile_gains
from pipeline.inference.devices import choose_device
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from pipeline.model_folder import load_model, save_model
from pipeline.progress import progress

LOWS = (0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2)
"""Values of `low` that are compared, in rising order."""

BUDGETS = (128, 192, 256, 320, 384, 448, 512, 768, 1024)
"""Largest numbers of tiles per photo that are compared, in rising order."""

ORDER, LARGEST, _ = ORDERS

TOLERANCE = 2e-5
"""Dice that fewer tiles may cost. Trainings that differ in their seed alone differ by more."""

app = App(name="thresholds", help_format="plaintext")


@dataclass(frozen=True)
class Point:
    """Means over photos for one value of `low` and one budget."""

    low: float
    budget: int | None
    """Most tiles to refine per photo; None for all uncertain tiles."""
    tiles: float
    dice: float


@dataclass(frozen=True)
class Choice:
    """Thresholds of a model."""

    low: float
    """A coarse pixel is uncertain where low < p < 1 - low."""
    budget: int | None = None
    """Tiles per photo beyond which more gain nothing, None if all gain something. It is no part of
    a model, but advice for `--budget`."""

    def applied(self, model: Model) -> Model:
        """Return `model` with this choice of uncertain pixels."""
        return replace(model, low=self.low, high=1 - self.low)


@app.default
def thresholds(
    data: Path,
    /,
    *,
    model: str = DEFAULT_MODEL,
    every: Count = 1,
    write: Path | None = None,
    points: Path | None = None,
) -> None:
    """Print Dice by threshold and budget, and the choice as JSON.

    Args:
        data: photos with masks; only photos that the model was not trained on are measured.
        model: the model, with a refiner.
        every: one in so many photos.
        write: folder to write the model with the chosen thresholds to.
        points: file to write all means to, as JSON.
    """
    known = load_model(model)
    samples, _ = evaluate.choose(data, Segmenter.from_model(known), "unseen")
    samples = one_in(every, samples)
    measured = measure(known, samples)
    if points is not None:
        with replacing(points) as file:
            file.write_text(json.dumps([asdict(point) for point in measured], indent=2) + "\n")
    choice = choose(measured)
    print(of_model(known, len(samples)))
    print(tables(measured, choice))
    print(json.dumps(asdict(choice)))
    if write is not None:
        save_model(choice.applied(known), write)


def measure(model: Model, samples: Sequence[Sample], device: str = "auto") -> list[Point]:
    """Return the means over `samples` for each of `LOWS` and `BUDGETS`, and for all tiles.

    Raises:
        InputError: a photo or mask is damaged, or was resampled to its working size.
    """
    segmenter = Segmenter.from_model(Choice(LOWS[0]).applied(model), choose_device(device))
    gains = []
    with progress("measuring thresholds") as on_photo:
        for i, sample in enumerate(samples):
            prediction = segmenter.predict(read_photo(sample.photo), MaskOptions(postprocess=()))
            gains.append(tile_gains(prediction, read_mask(sample.mask)))
            on_photo(i + 1, len(samples))
    return points_of(gains)


def points_of(photos: Sequence[TileGains]) -> list[Point]:
    """Return the means over `photos` for each of `LOWS` and `BUDGETS`, and for all tiles."""
    found = []
    for low in LOWS:
        uncertain = [uncertain_tiles(gains, low) for gains in photos]
        for budget in (*BUDGETS, None):
            tiles = fmean(len(gains.predicted[:budget]) for gains in uncertain)
            dice = fmean(dice_within(gains, budget, ORDER) for gains in uncertain)
            found.append(Point(low, budget, tiles, dice))
    return found


def uncertain_tiles(gains: TileGains, low: float) -> TileGains:
    """Return `gains` of the tiles with a pixel of low < p < 1 - low."""
    chosen = gains.orders[LARGEST] > np.float32(low)
    return TileGains(
        coarse=gains.coarse,
        intersection=gains.intersection[chosen],
        predicted=gains.predicted[chosen],
        orders={name: values[chosen] for name, values in gains.orders.items()},
    )


def choose(points: Sequence[Point]) -> Choice:
    """Return the fewest tiles that cost at most `TOLERANCE`: first `low`, then the budget."""
    whole = [point for point in points if point.budget is None]
    low = fewest(whole).low
    budget = fewest([point for point in points if point.low == low]).budget
    return Choice(low, budget)


def fewest(points: Sequence[Point]) -> Point:
    """Return the point with the fewest tiles of those within `TOLERANCE` of the highest Dice."""
    best = max(point.dice for point in points)
    near = [point for point in points if point.dice >= best - TOLERANCE]
    return min(near, key=lambda point: (point.tiles, -point.dice))


def pooled(parts: Sequence[tuple[int, Sequence[Point]]]) -> list[Point]:
    """Return the means over the photos of several sets, each given with its number of photos."""
    total = sum(num for num, _ in parts)

    def mean(i: int, name: str) -> float:
        return sum(num * float(getattr(points[i], name)) for num, points in parts) / total

    return [
        replace(point, tiles=mean(i, "tiles"), dice=mean(i, "dice"))
        for i, point in enumerate(parts[0][1])
    ]


def tables(points: Sequence[Point], choice: Choice) -> str:
    """Return Dice by `low`, and by budget at the chosen one, as tables in Markdown."""
    lows = [
        [f"{point.low:g}", f"{point.tiles:.0f}", f"{point.dice:.5f}"]
        for point in points
        if point.budget is None
    ]
    budgets = [
        ["all" if p.budget is None else str(p.budget), f"{p.tiles:.0f}", f"{p.dice:.5f}"]
        for p in points
        if p.low == choice.low
    ]
    return (
        table(["low", "tiles", "Dice"], lows) + "\n" + table(["budget", "tiles", "Dice"], budgets)
    )


if __name__ == "__main__":
    sys.exit(run(app))

"""What becomes of trained models: their tiles are chosen, their masks are scored and drawn."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from data.samples import Sample
from pipeline.config import Config
from pipeline.dice_interval import MIN_GROUPS, fit_dice_interval
from pipeline.evaluation.budget_curve import TileGains
from pipeline.evaluation.evaluate import score_samples
from pipeline.evaluation.guard_fit import exact_changes
from pipeline.evaluation.tile_choice import choose_tiles, measure_tiles
from pipeline.full_training.held_out import PhotoResult, result_of
from pipeline.inference.mask_options import DEFAULT_OPTIONS
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from pipeline.model_folder import load_model, save_model
from pipeline.progress import progress
from pipeline.reporting.observed_photos import Entry, Observed
from pipeline.reporting.report_folder import ReportFolder
from refine import guard
from refine.guard import Change

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """A model whose both stages are trained."""

    folder: Path
    """Of the model."""
    config: Config
    held_out: Sequence[Sample]
    """Photos that it was not trained on."""

    def untuned(self) -> Model:
        """Return the model with the tiles that its refiner was trained on."""
        tiles, model = self.config.tiles, load_model(self.folder)
        return replace(model, budget=None, low=tiles.low, high=tiles.high)

    def segmenter(self, device: torch.device) -> Segmenter:
        """Return the model as it is, on a device."""
        return Segmenter.from_model(load_model(self.folder), device)


def choose(trained: Sequence[Trained], device: torch.device, *, keeps_bounds: bool) -> None:
    """Let models refine only the tiles that gain something on the photos that were held out.

    Args:
        trained: the models, which are written anew.
        device: device to compute on.
        keeps_bounds: whether the bounds of uncertain pixels stay as they are.

    Raises:
        InputError: a photo or mask is damaged.
    """
    gains: list[TileGains] = []
    with progress("measuring tiles") as on_photo:
        for one in trained:
            segmenter = Segmenter.from_model(one.untuned(), device)
            gains += measure_tiles(one.held_out, segmenter, on_photo)
    tiles = trained[-1].config.tiles
    chosen = choose_tiles(gains, tiles.low)
    low, high = (tiles.low, tiles.high) if keeps_bounds else (chosen.low, 1 - chosen.low)
    log.info(
        "pixels are uncertain from %.2f to %.2f; of a photo at most %d tiles are refined, and %.0f "
        "on average",
        *(low, high, chosen.budget, chosen.tiles),
    )
    for one in trained:
        tuned = replace(one.untuned(), low=low, high=high, budget=chosen.budget)
        save_model(tuned, one.folder)


def score(
    trained: Sequence[Trained], device: torch.device, folder: ReportFolder
) -> tuple[list[PhotoResult], list[Entry]]:
    """Return the scores of all photos that were held out, each by the model that did not see it.

    Args:
        trained: the models.
        device: device to compute on.
        folder: of the report, into which the photos are drawn.

    Returns:
        The scores, and what the report has of the photos.

    Raises:
        InputError: a photo or mask is damaged.
    """
    results, observed = [], Observed(folder, "refined")
    for one in trained:
        if one.held_out:
            segmenter = one.segmenter(device)
            photos = score_samples(
                one.held_out, segmenter, DEFAULT_OPTIONS, "refined", observed.observe
            )
            pairs = zip(one.held_out, photos, strict=True)
            results += [result_of(sample, scores) for sample, scores in pairs]
    return results, observed.photos


def fit_interval(folder: Path, results: Sequence[PhotoResult]) -> None:
    """Give a model the interval around its expected Dice, if photos of enough groups tell it.

    Args:
        folder: of the model, which is written anew.
        results: scores of all photos that were held out.
    """
    interval = fit_dice_interval(
        [result.expected_dice for result in results],
        [result.dice for result in results],
        [result.group for result in results],
    )
    if interval is None:
        log.info(
            "an interval around the expected Dice takes %d groups of photos that are held out; "
            "`foveamask calibrate` fits it to others",
            MIN_GROUPS,
        )
        return
    log.info(
        "the interval around the expected Dice holds for %.0f %% of the photos of groups that it "
        "was not fitted to",
        100 * interval.coverage,
    )
    save_model(replace(load_model(folder), dice_interval=interval), folder)


def fit_guard(trained: Sequence[Trained], device: torch.device) -> None:
    """Give the finished model, the last one, the guard that keeps exact masks of others.

    Args:
        trained: the models.
        device: device to compute on.

    Raises:
        InputError: a photo or mask is damaged.
    """
    changes: list[Change] = []
    with progress("refining exact masks") as on_photo:
        for one in trained:
            changes += exact_changes(one.held_out, one.segmenter(device), on_photo)
    folder = trained[-1].folder
    save_model(replace(load_model(folder), guard=guard.fit_guard(changes)), folder)

"""What becomes of trained models: their tiles are chosen, their masks are scored and shown."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from data.samples import Sample
from pipeline.config import Config
from pipeline.evaluation.budget_curve import TileGains
from pipeline.evaluation.evaluate import score_samples
from pipeline.evaluation.tile_choice import choose_tiles, measure_tiles
from pipeline.full_training.held_out import HeldOut, PhotoResult, result_of
from pipeline.full_training.run_report import NUM_WORST, Shown, show_photo
from pipeline.inference.mask_options import DEFAULT_OPTIONS
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from pipeline.model_folder import load_model, save_model
from pipeline.progress import progress

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


def score(trained: Sequence[Trained], device: torch.device) -> list[PhotoResult]:
    """Return the scores of all photos that were held out, each by the model that did not see it.

    Raises:
        InputError: a photo or mask is damaged.
    """
    results = []
    for one in trained:
        if one.held_out:
            photos = score_samples(one.held_out, one.segmenter(device), DEFAULT_OPTIONS, "refined")
            pairs = zip(one.held_out, photos, strict=True)
            results += [result_of(sample, scores) for sample, scores in pairs]
    return results


def show(trained: Sequence[Trained], held_out: HeldOut, device: torch.device) -> list[Shown]:
    """Return the photos with the lowest scores as the report shows them.

    Raises:
        InputError: a photo or mask cannot be read any more.
    """
    models = {sample.name: one for one in trained for sample in one.held_out}
    worst = held_out.photos[:NUM_WORST]
    return [show_photo(result, models[result.name].segmenter(device)) for result in worst]

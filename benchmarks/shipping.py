"""Models as they ship: with figures, thresholds and a card, and without names of folders here."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks import model_card
from benchmarks.thresholds import Point, choose, pooled
from data.errors import InputError
from data.files import replacing
from data.fingerprints import photo_hashes
from pipeline.config import Config
from pipeline.model import Model, identity
from pipeline.model_folder import save_model
from pipeline.seen_photos import joined
from pipeline.toml_settings import save_settings
from pipeline.training import commands
from pipeline.training.split import split_samples

log = logging.getLogger(__name__)

BASE = "carvana-base"
"""Name of the coarse network of the package that trainings are initialised from."""

NOT_KEPT = ("points", "made_with", "left_out_as_seen_in_training", "training_seconds")
"""Parts of the scores of a fold that do not ship, or that differ from one call to the next."""


def with_cross_validation(model: Model, folds: dict[int, dict[str, Any]]) -> Model:
    """Return `model` with the thresholds that suit all `folds` together, and with their scores."""
    parts = [
        (scores["photos"], [Point(**point) for point in scores["points"]])
        for scores in folds.values()
    ]
    choice = choose(pooled(parts))
    kept = {
        str(fold): rounded({key: value for key, value in scores.items() if key not in NOT_KEPT})
        for fold, scores in folds.items()
    }
    scores = {"cross_validation": kept, "thresholds": asdict(choice)}
    return replace(choice.applied(model), scores=model.scores | scores)


def rounded(value: Any) -> Any:
    """Return a JSON value with its numbers rounded to six decimals.

    Distances between contours differ in the ninth from one call to the next.
    """
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return round(value, 6) if isinstance(value, float) else value


def ship(model: Model, settings: Config, folder: Path) -> None:
    """Write `model` with its settings and its card; the folder of its base becomes a name."""
    if Path(settings.coarse.init).name == BASE:
        settings = replace(settings, coarse=replace(settings.coarse, init=BASE))
    provenance = model.provenance | {"settings": commands.plain(settings)}
    shipped = replace(model, provenance=provenance)
    save_model(shipped, folder)
    save_settings(settings, folder / "settings.toml")
    with replacing(folder / "README.md") as file:
        file.write_text(model_card.card(shipped, folder.name))
    log.info("%s: model %s", folder, identity(shipped)[:16])


def check_same(model: Model, data: Sequence[Path], settings: Config, name: Path) -> None:
    """Raise unless `model` was trained on the photos in `data` with `settings`.

    Raises:
        InputError: it was trained otherwise.
    """
    train_samples, _ = split_samples(data, settings.data)
    found, known = model.provenance, commands.plain(settings)
    if found.get("settings") != known:
        raise InputError(f"{name} was trained with other settings; leave --base out")
    if found.get("photo_hashes") != joined(set(photo_hashes(train_samples))):
        raise InputError(f"{name} was trained on other photos; leave --base out")

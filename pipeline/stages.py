"""The stages of a run as short recipes: what the commands of the same names do."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from data.samples import Sample
from pipeline import (
    coarse_stage,
    distributed,
    model,
    out_of_fold,
    patch_stage,
    refiner_stage,
    runs,
)
from pipeline.config import Config
from pipeline.devices import choose_device

log = logging.getLogger(__name__)

FIRST = ("data", "coarse")
"""What must stay from then on that the coarse stage begins."""

LOOSE = (
    *("tiles", "refiner", "postprocess", "coarse.epochs", "coarse.workers"),
    *("coarse.folds", "coarse.fold_epochs", "coarse.fold_init"),
)
"""What may change after the coarse stage began."""

LAST = ("refiner.epochs", "postprocess")
"""What may change after the refiner's training began."""


def train_coarse(
    data: Sequence[Path], run: Path, settings: Path | None, device: str, folds: int | None = None
) -> Path:
    """Train stage one, or go on with it, and return the folder of the model so far.

    Args:
        data: folders of photos with masks.
        run: folder of the run.
        settings: settings file.
        device: where to compute.
        folds: in the place of the setting `coarse.folds`.

    Raises:
        InputError: data, settings or an earlier run in the folder are at fault.
    """
    begun = (run / "coarse" / "last.pt").exists()
    config = runs.resolve(run, settings, _editable(run, LOOSE if begun else (*FIRST, *LOOSE)))
    if folds is not None:
        config = replace(config, coarse=replace(config.coarse, folds=folds))
    chosen = distributed.local_device(choose_device(device))
    kept, held_out = coarse_stage.split_samples(data, config.data)
    coarse_stage.check_exclude(data, config.data)
    parts = out_of_fold.parts(kept, config)
    for_folds = out_of_fold.settings(config)
    _check_init("coarse.init", config.coarse.init, held_out)
    if parts:
        name = "coarse.fold_init" if config.coarse.fold_init else "coarse.init"
        away = [sample for _, unseen in parts for sample in unseen]
        _check_init(name, for_folds.coarse.init, [*held_out, *away])
    with runs.locked(run), distributed.process_group(chosen):
        runs.record(run, config)
        _train_coarse_model(kept, held_out, run, config, chosen)
        for fold, (others, unseen) in enumerate(parts):
            log.info("fold %d of %d", fold + 1, len(parts))
            folder = out_of_fold.folder(run, fold, len(parts))
            _train_coarse_model(others, unseen, folder, for_folds, chosen)
    return run / "model"


def _editable(run: Path, names: Sequence[str]) -> list[str]:
    """Return which settings of `names` may change: few once the refiner's training has begun."""
    if not (run / "refiner" / "last.pt").exists():
        return list(names)
    return [*LAST, *(name for name in names if name not in ("tiles", "refiner"))]


def _check_init(setting: str, name: str, held_out: Sequence[Sample]) -> None:
    """Refuse a model `name`, if there is one, to begin with that has learnt what is held out."""
    if name:
        model.check_unseen(model.load(name), {sample.group for sample in held_out}, setting)


def _train_coarse_model(
    kept: list[Sample], held_out: list[Sample], run: Path, config: Config, device: torch.device
) -> None:
    """Train the coarse network into `run/coarse`, and write the model so far to `run/model`."""
    network = coarse_stage.train_coarse(kept, held_out, run / "coarse", config, device)
    if distributed.rank():
        return
    score = runs.load_best(network, run / "coarse", f"train-coarse DATA {run}")
    found = patch_stage.coarse_only(network, config)
    found = replace(
        found,
        provenance=provenance(kept, held_out, config),
        scores={"validation": {"photos": len(held_out), "coarse_grid_dice": score}},
    )
    # Of a finished run, the same command again must not take the refiner away.
    if not model.is_finished(run / "model", network):
        model.save(found, run / "model")
    log.info("%s: Dice %.5f on the coarse grid", run / "model", score)


def make_patches(data: Sequence[Path], run: Path, settings: Path | None, device: str) -> Path:
    """Write the boundary patch cache of a run, or what is missing of it, and return its path.

    Raises:
        InputError: data, settings or the run are at fault.
    """
    coarse_only = runs.coarse_model(run)
    config = runs.resolve(run, settings, _editable(run, ("tiles", "refiner", "postprocess")))
    with runs.locked(run):
        return patch_stage.make_patches(data, run, coarse_only, config, choose_device(device))


def train_refiner(run: Path, settings: Path | None, device: str) -> Path:
    """Train stage two, or go on with it, and return the folder of the finished model.

    Raises:
        InputError: settings or the run are at fault, or the patches are missing or stale.
    """
    coarse_only = runs.coarse_model(run)
    config = runs.resolve(run, settings, _editable(run, ("refiner", "postprocess")))
    chosen = distributed.local_device(choose_device(device))
    with runs.locked(run), distributed.process_group(chosen):
        runs.record(run, config)
        network = refiner_stage.train_refiner(run, config, chosen)
        if distributed.rank() == 0:
            score = runs.load_best(network, run / "refiner", f"train-refiner {run}")
            scores = coarse_only.scores.get("validation", {}) | {"refined_dice": score}
            seen, _ = patch_stage.patch_groups(run, config)
            seen |= coarse_only.seen
            if config.refiner.init:
                seen |= model.load(config.refiner.init).seen
            found = replace(
                patch_stage.with_tiles(coarse_only, config),
                refiner=network,
                provenance=coarse_only.provenance
                | {"groups": sorted(seen), "settings": plain(config)},
                scores={"validation": scores},
            )
            model.save(found, run / "model")
            most = config.tiles.train_budget
            log.info("%s: Dice %.5f refined, %d tiles at most", run / "model", score, most)
    return run / "model"


def provenance(kept: list[Sample], held_out: list[Sample], config: Config) -> dict[str, Any]:
    """Return what a model says of its origin; `groups` are all that its weights have seen."""
    groups = {sample.group for sample in kept}
    if config.coarse.init:
        groups |= model.load(config.coarse.init).seen
    return {
        "photos": len(kept),
        "groups": sorted(groups),
        "validation_photos": len(held_out),
        "validation_groups": sorted({sample.group for sample in held_out}),
        "settings": plain(config),
        "versions": runs.versions(),
    }


def plain(config: Config) -> dict[str, Any]:
    """Return the settings as JSON has them."""
    return dict(json.loads(json.dumps(asdict(config))))

"""The stages of a run as short recipes: what the commands of the same names do."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from data.samples import Sample
from pipeline import model
from pipeline.config import Config, overlaid
from pipeline.inference.devices import choose_device
from pipeline.training import (
    checkpoint,
    coarse_training,
    distributed,
    fold_models,
    patch_extraction,
    refiner_training,
    run_folder,
)

log = logging.getLogger(__name__)

FIRST = ("data", "coarse")
"""Settings that may change until the coarse stage has begun, and no longer."""

TAKEN_UP = {
    "train-coarse": (
        *("tiles", "refiner", "postprocess", "coarse.epochs", "coarse.workers"),
        *("coarse.folds", "coarse.fold_epochs", "coarse.fold_init"),
    ),
    "make-patches": ("tiles", "refiner", "postprocess"),
    "train-refiner": ("refiner", "postprocess"),
}
"""Settings that may change after that, by the command that they may be given to."""

LAST = ("refiner.epochs", "postprocess")
"""Of `[tiles]`, `[refiner]` and `postprocess`, what may change once the refiner has begun."""

NO_INIT = "begin with another model, or hold out others (data.split_seed)"
NO_FOLD_INIT = (
    "those of folds are held out in turn: begin with another model (coarse.fold_init), or take "
    "coarse.folds away"
)
"""What to do about a model to begin with that knows what is held out."""


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
    config = _resolve(run, settings, "train-coarse")
    if folds is not None:
        config = overlaid(config, {"coarse": {"folds": folds}})
    chosen = distributed.local_device(choose_device(device))
    kept, held_out = coarse_training.split_samples(data, config.data)
    coarse_training.check_exclude(data, config.data)
    parts = fold_models.parts(kept, config)
    for_folds = fold_models.settings(config)
    coarse_training.check_init("coarse.init", config.coarse, held_out, NO_INIT)
    if parts:
        name = "coarse.fold_init" if config.coarse.fold_init else "coarse.init"
        away = [sample for _, unseen in parts for sample in unseen]
        coarse_training.check_init(name, for_folds.coarse, [*held_out, *away], NO_FOLD_INIT)
    with run_folder.locked(run), distributed.process_group(chosen):
        run_folder.record(run, config)
        _train_coarse_model(kept, held_out, run, config, chosen)
        for fold, (others, unseen) in enumerate(parts):
            log.info("fold %d of %d", fold + 1, len(parts))
            folder = fold_models.folder(run, fold, len(parts))
            _train_coarse_model(others, unseen, folder, for_folds, chosen)
    return run / "model"


def _resolve(run: Path, settings: Path | None, command: str) -> Config:
    """Return the settings of `run` with those of the file `settings`, given to `command`.

    Raises:
        InputError: the file changes what may not change any more, or not with that command.
    """
    has_begun = (run / "refiner" / "last.pt").exists()
    taken_up = {
        name: [*LAST, *(n for n in names if n not in ("tiles", "refiner"))] if has_begun else names
        for name, names in TAKEN_UP.items()
    }
    editable = taken_up.pop(command)
    if not (run / "coarse" / "last.pt").exists():
        editable = (*FIRST, *editable)
    others = {
        f"{name} {run}" if name == "train-refiner" else f"{name} DATA {run}": names
        for name, names in taken_up.items()
    }
    return run_folder.resolve(run, settings, editable, others)


def _train_coarse_model(
    kept: list[Sample], held_out: list[Sample], run: Path, config: Config, device: torch.device
) -> None:
    """Train the coarse network into `run/coarse`, and write the model so far to `run/model`."""
    network = coarse_training.train_coarse(kept, held_out, run / "coarse", config, device)
    if distributed.rank():
        return
    score = checkpoint.load_best(network, run / "coarse")
    scores = {"validation": {"photos": len(held_out), "coarse_grid_dice": score}}
    found = patch_extraction.first_stage(
        network, config, provenance(kept, held_out, config), scores
    )
    # Of a finished run, the same command again must not take the refiner away.
    if not model.is_finished(run / "model", network):
        model.save(found, run / "model")
    log.info("%s: Dice %.5f on the coarse grid", run / "model", score)


def make_patches(data: Sequence[Path], run: Path, settings: Path | None, device: str) -> Path:
    """Write the boundary patch cache of a run, or what is missing of it, and return its path.

    Raises:
        InputError: data, settings or the run are at fault, or `torchrun` has started several
            processes for it.
    """
    distributed.check_alone("make-patches")
    so_far = run_folder.model_so_far(run)
    config = _resolve(run, settings, "make-patches")
    with run_folder.locked(run):
        return patch_extraction.make_patches(data, run, so_far, config, choose_device(device))


def train_refiner(run: Path, settings: Path | None, device: str) -> Path:
    """Train stage two, or go on with it, and return the folder of the finished model.

    Raises:
        InputError: settings or the run are at fault, or the patches are missing or stale.
    """
    so_far = run_folder.model_so_far(run)
    config = _resolve(run, settings, "train-refiner")
    chosen = distributed.local_device(choose_device(device))
    with run_folder.locked(run), distributed.process_group(chosen):
        run_folder.record(run, config)
        network = refiner_training.train_refiner(run, config, chosen)
        if distributed.rank() == 0:
            score = checkpoint.load_best(network, run / "refiner")
            scores = so_far.scores.get("validation", {}) | {"refined_dice": score}
            seen, _ = patch_extraction.patch_groups(run, config)
            seen |= so_far.seen
            if config.refiner.init:
                seen |= model.load(config.refiner.init).seen
            found = replace(
                patch_extraction.first_stage_of(so_far, config),
                refiner=network,
                provenance=so_far.provenance | {"groups": sorted(seen), "settings": plain(config)},
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
        "versions": run_folder.versions(),
    }


def plain(config: Config) -> dict[str, Any]:
    """Return the settings as JSON has them."""
    return dict(json.loads(json.dumps(asdict(config))))

"""The stages of a run as short recipes: what the commands of the same names do."""

import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from data.geometry import Fovea
from data.samples import Sample
from pipeline import coarse_stage, distributed, model, patch_stage, refiner_stage, runs
from pipeline.config import Config
from pipeline.devices import choose_device
from pipeline.model import Model
from refine.postprocess import parse

log = logging.getLogger(__name__)

LOOSE = ("tiles", "refiner", "coarse.epochs", "coarse.workers", "postprocess")
"""What may change after the coarse stage began."""

LAST = ("refiner.epochs", "postprocess")
"""What may change after the refiner's training began."""


def train_coarse(data: Path, run: Path, settings: Path | None, device: str) -> Path:
    """Train stage one, or go on with it, and return the folder of the model so far.

    Raises:
        InputError: data, settings or an earlier run in the folder are at fault.
    """
    begun = (run / "coarse" / "last.pt").exists()
    config = runs.resolve(run, settings, LOOSE if begun else ("data", "coarse", *LOOSE))
    chosen = distributed.local_device(choose_device(device))
    kept, held_out = coarse_stage.split_samples(data, config.data)
    with runs.locked(run), distributed.process_group(chosen):
        runs.record(run, config)
        network = coarse_stage.train_coarse(kept, held_out, run / "coarse", config, chosen)
        if distributed.rank() == 0:
            score = runs.load_best(network, run / "coarse", f"train-coarse {data} {run}")
            found = Model(
                coarse=network,
                refiner=None,
                fovea=Fovea(config.tiles.side, config.tiles.levels),
                low=config.tiles.low,
                high=config.tiles.high,
                long_side=config.data.long_side,
                postprocess=tuple(parse(step) for step in config.postprocess),
                provenance=provenance(kept, held_out, config),
                scores={"validation": {"photos": len(held_out), "coarse_grid_dice": score}},
            )
            # Of a finished run, the same command again must not take the refiner away.
            if not model.has_coarse(run / "model", network):
                model.save(found, run / "model")
            log.info("%s: Dice %.5f on the coarse grid", run / "model", score)
    return run / "model"


def make_patches(data: Path, run: Path, settings: Path | None, device: str) -> Path:
    """Write the boundary patch cache of a run, or what is missing of it, and return its path.

    Raises:
        InputError: data, settings or the run are at fault.
    """
    coarse_only = runs.coarse_model(run)
    config = runs.resolve(run, settings, ("tiles", "refiner", "postprocess"))
    with runs.locked(run):
        return patch_stage.make_patches(data, run, coarse_only, config, choose_device(device))


def train_refiner(run: Path, settings: Path | None, device: str) -> Path:
    """Train stage two, or go on with it, and return the folder of the finished model.

    Raises:
        InputError: settings or the run are at fault, or the patches are missing or stale.
    """
    coarse_only = runs.coarse_model(run)
    begun = (run / "refiner" / "last.pt").exists()
    config = runs.resolve(run, settings, LAST if begun else ("refiner", "postprocess"))
    chosen = distributed.local_device(choose_device(device))
    with runs.locked(run), distributed.process_group(chosen):
        runs.record(run, config)
        network = refiner_stage.train_refiner(run, config, chosen)
        if distributed.rank() == 0:
            score = runs.load_best(network, run / "refiner", f"train-refiner {run}")
            scores = coarse_only.scores["validation"] | {"refined_dice": score}
            found = replace(
                patch_stage.with_tiles(coarse_only, config),
                refiner=network,
                provenance=coarse_only.provenance | {"settings": plain(config)},
                scores={"validation": scores},
            )
            model.save(found, run / "model")
            log.info("%s: Dice %.5f refined", run / "model", score)
    return run / "model"


def provenance(kept: list[Sample], held_out: list[Sample], config: Config) -> dict[str, Any]:
    """Return what a model says of its origin."""
    return {
        "photos": len(kept),
        "groups": sorted({sample.group for sample in kept}),
        "validation_photos": len(held_out),
        "validation_groups": sorted({sample.group for sample in held_out}),
        "settings": plain(config),
        "versions": runs.versions(),
    }


def plain(config: Config) -> dict[str, Any]:
    """Return the settings as JSON has them."""
    return dict(json.loads(json.dumps(asdict(config))))

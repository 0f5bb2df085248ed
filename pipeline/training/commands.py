"""The training commands `train-coarse`, `make-patches` and `train-refiner`.

Each of them locks the folder of the run before it reads anything in it.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from data.errors import SettingsError
from data.samples import Sample
from pipeline.config import Config
from pipeline.inference.cluster.scheduler import Scheduler
from pipeline.inference.devices import choose_device
from pipeline.model import Model, identity
from pipeline.model_folder import is_finished, load_model, save_model
from pipeline.seen_photos import Photos, check_unseen, joined, trained_on, validation_hashes
from pipeline.toml_settings import as_table
from pipeline.training import (
    coarse_training,
    distributed,
    patch_cluster,
    patch_extraction,
    refiner_training,
    run_folder,
)
from pipeline.training.coarse_training import CoarsePhotos
from pipeline.training.fold_models import fold_folder, fold_splits, unseen_weights_hash
from pipeline.training.initial_weights import with_coarse_init
from pipeline.training.patches import open_patches
from pipeline.training.plan import SecondsLeft
from pipeline.training.split import split_samples

log = logging.getLogger(__name__)

CHANGE_INIT = "initialise from another model, or choose another data.split_seed"
CHANGE_FOLDS = (
    "each training group is in one of coarse.folds: initialise from another model, or set "
    "coarse.folds = 0"
)
"""Hints for the case that the initial model was trained on validation groups."""


@dataclass(frozen=True)
class CoarseTraining:
    """The training of one network of stage one: the final network, or that of a fold."""

    run: Path
    """Folder of the run, or of the fold."""
    train: list[Sample]
    val: list[Sample]


def train_coarse(
    data: Sequence[Path], run: Path, settings: Path | None, device: str, folds: int | None = None
) -> Path:
    """Train stage one, or resume it, and return the folder of the model so far.

    Args:
        data: folders of photos with masks.
        run: folder of the run.
        settings: settings file.
        device: device to compute on.
        folds: overrides the setting `coarse.folds`. The fold networks then extract the patches,
            or the final network if it is 0.

    Raises:
        InputError: there is an error in the data, the settings or the folder of the run.
    """
    chosen = distributed.local_device(choose_device(device))
    with run_folder.locked(run):
        config = run_folder.read_settings(run, settings, "train-coarse", _options(folds))
        run_coarse(data, run, config, chosen)
    return run / "model"


def run_coarse(
    data: Sequence[Path],
    run: Path,
    config: Config,
    device: torch.device,
    seconds_left: SecondsLeft | None = None,
) -> None:
    """Train stage one of the locked `run`, or resume it; see `train_coarse`.

    With fold networks, the limit of time is that of each network.

    Raises:
        InputError: there is an error in the data, the settings or the folder of the run.
    """
    check_folds(config)
    train, val = split_samples(data, config.data)
    splits = fold_splits(train, config)
    known = with_coarse_init(config, {sample.group for sample in (*train, *val)})
    coarse_training.check_init(known.coarse, val, CHANGE_INIT)
    unseen = [sample for _, samples in splits for sample in samples]
    coarse_training.check_init(known.coarse, unseen, CHANGE_FOLDS)
    trainings = [CoarseTraining(run, train, val)]
    for fold, sides in enumerate(splits):
        trainings.append(CoarseTraining(fold_folder(run, fold, len(splits)), *sides))
    with distributed.process_group(device):
        run_folder.record(run, config)
        photos = coarse_training.load_photos([*train, *val], config)
        for i, training in enumerate(trainings):
            if i:
                log.info("fold %d of %d", i, len(splits))
            _train_coarse_network(training, photos, known, device, seconds_left)


def check_folds(config: Config) -> None:
    """Raise if fold networks would be trained that nothing uses, or used that are not trained.

    Raises:
        SettingsError: they would.
    """
    folds, source = config.coarse.folds, config.tiles.patch_source
    if bool(folds) != (source == "folds"):
        raise SettingsError(
            f'coarse.folds = {folds} and tiles.patch_source = "{source}" do not go together: set '
            'both, coarse.folds = 5 and tiles.patch_source = "folds", or neither; '
            "`train-coarse --folds 5` sets both"
        )


def make_patches(
    data: Sequence[Path],
    run: Path,
    settings: Path | None,
    device: str,
    patches: Path | None = None,
    publish: Callable[[Path], None] | None = None,
    scheduler: Scheduler | None = None,
) -> Path:
    """Write the patch cache of a run, or the missing part of it, and return its path.

    Args:
        data: folders of photos with masks.
        run: folder of the run.
        settings: settings file.
        device: device to compute on.
        patches: where the patch cache lies; by default in the run.
        publish: called with the finished patch cache, while nobody else writes it.
        scheduler: of a cluster whose workers extract the patches, each on its `device`.

    Raises:
        InputError: there is an error in the data, the settings or the run, or `torchrun` has
            started several processes.
    """
    distributed.check_alone("make-patches")
    elsewhere = None if scheduler is None else patch_cluster.extracted_by(scheduler, device)
    chosen = choose_device(device if scheduler is None else "cpu")
    with run_folder.locked(run):
        model = run_folder.model_so_far(run)
        config = run_folder.read_settings(run, settings, "make-patches")
        path = patch_extraction.make_patches(data, run, model, config, chosen, patches, elsewhere)
        if publish is not None:
            publish(path)
        return path


def train_refiner(
    run: Path, settings: Path | None, device: str, patches: Path | None = None
) -> Path:
    """Train stage two, or resume it, and return the folder of the finished model.

    The patch cache lies at `patches`, by default in the run.

    Raises:
        InputError: there is an error in the settings or the run, or the patches are missing or
            were made from something else.
    """
    chosen = distributed.local_device(choose_device(device))
    with run_folder.locked(run):
        run_folder.model_so_far(run)
        config = run_folder.read_settings(run, settings, "train-refiner")
        run_refiner(run, config, chosen, patches=patches)
    return run / "model"


def run_refiner(
    run: Path,
    config: Config,
    device: torch.device,
    seconds_left: SecondsLeft | None = None,
    patches: Path | None = None,
) -> None:
    """Train stage two of the locked `run`, or resume it; see `train_refiner`.

    Raises:
        InputError: there is an error in the settings or the run, or the patches are missing or
            were made from something else.
    """
    so_far = run_folder.model_so_far(run)
    with distributed.process_group(device):
        run_folder.record(run, config)
        others = [load_model(config.refiner.init)] if config.refiner.init else []
        for other in others:
            photos = Photos(frozenset(), hashes=validation_hashes(so_far))
            check_unseen(other, photos, "refiner.init", "initialise from another model")
        cache = open_patches(run, config, unseen_weights_hash(run, config), patches)
        refiner, score = refiner_training.train_refiner(
            cache, run / "refiner", config, device, seconds_left
        )
        if distributed.rank() == 0:
            scores = {} if score is None else {"refined_dice": score}
            known = trained_on(
                [so_far, *others], groups=cache.train_groups, patterns={config.data.group}
            )
            model = Model.without_refiner(
                so_far.coarse,
                config,
                so_far.provenance | known | {"settings": plain(config)},
                {"validation": so_far.validation_scores | scores},
            )
            model = replace(model, refiner=refiner, novelty=so_far.novelty)
            if identity(model) == identity(so_far):  # the run was finished before
                model = replace(model, dice_interval=so_far.dice_interval)
            save_model(model, run / "model")
            log.info("%s: %s", run / "model", described(score, "of whole photos, refined"))


def provenance(
    train: list[Sample], val: list[Sample], photos: CoarsePhotos, config: Config
) -> dict[str, Any]:
    """Return the origin of a model: what it was trained on, the model before it included."""
    known = trained_on(
        [load_model(config.coarse.init)] if config.coarse.init else [],
        groups={sample.group for sample in train},
        patterns={config.data.group},
        hashes={photos.photo_hashes[sample.name] for sample in train},
    )
    return {
        "photos": len(train),
        **known,
        "validation_photos": len(val),
        "validation_groups": sorted({sample.group for sample in val}),
        "validation_photo_hashes": joined({photos.photo_hashes[sample.name] for sample in val}),
        "settings": plain(config),
        "versions": run_folder.versions(),
    }


def plain(config: Config) -> dict[str, Any]:
    """Return the settings as a table of JSON values."""
    return dict(json.loads(json.dumps(as_table(config))))


def _options(folds: int | None) -> dict[str, Any]:
    """Return the settings that the option `--folds` sets."""
    if folds is None:
        return {}
    source = "folds" if folds else "final"
    return {"coarse": {"folds": folds}, "tiles": {"patch_source": source}}


def _train_coarse_network(
    training: CoarseTraining,
    photos: CoarsePhotos,
    config: Config,
    device: torch.device,
    seconds_left: SecondsLeft | None,
) -> None:
    """Train one network of stage one, and write the model so far to `model/` of its run."""
    folder = training.run / "model"
    network, score = coarse_training.train_coarse(
        photos,
        training.train,
        training.val,
        training.run / "coarse",
        config,
        device,
        seconds_left,
    )
    # If the run is finished, running this command again must not remove the refiner.
    if distributed.rank() == 0 and not is_finished(folder, network):
        known = {} if score is None else {"coarse_grid_dice": score}
        scores = {"validation": {"photos": len(training.val), **known}}
        origin = provenance(training.train, training.val, photos, config)
        model = Model.without_refiner(network, config, origin, scores)
        novelty = coarse_training.novelty_of(network, photos, training.train, device)
        save_model(replace(model, novelty=novelty), folder)
    log.info("%s: %s", folder, described(score, "on the coarse grid"))


def described(score: float | None, where: str) -> str:
    """Return the score of a training in words; it has none without validation photos."""
    return "not scored, without validation photos" if score is None else f"Dice {score:.5f} {where}"

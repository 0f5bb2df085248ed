"""Predictions of photos by networks that have not seen them.

A network is surer of the photos it has learnt from than of others, and wrong about them in
fewer places. A refiner that learns from such predictions meets errors of another kind later.
So the patches of a training photo may be cut by another network of the run:

folds/<k>-of-<K>/   a run of its own for each fold of the training groups: stage one, trained on
                    the groups of all other folds
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data.errors import InputError
from data.samples import Sample, fold_of
from pipeline import model as models
from pipeline.config import Config
from pipeline.model import Model


def folder(run: Path, fold: int, num_folds: int) -> Path:
    """Return the folder of the run that trains without `fold`."""
    return run / "folds" / f"{fold}-of-{num_folds}"


def parts(samples: Sequence[Sample], config: Config) -> list[tuple[list[Sample], list[Sample]]]:
    """Return, of each fold, the samples to train on and those left out.

    Raises:
        InputError: a fold has no groups, or there is no model `coarse.fold_init`.
    """
    num_folds, seed = config.coarse.folds, config.data.split_seed
    known = models.load(config.coarse.fold_init).seen if config.coarse.fold_init else frozenset()
    folds = {
        s.group: fold_of(s.group, max(1, num_folds), seed=seed)
        for s in samples
        if s.group not in known
    }
    result = [
        (
            [s for s in samples if folds.get(s.group) != k],
            [s for s in samples if folds.get(s.group) == k],
        )
        for k in range(num_folds)
    ]
    if any(not side for sides in result for side in sides):
        raise InputError(
            f"with {num_folds} folds some of them have none of the {len(folds)} groups to train "
            "on; take fewer (--folds), or another data.split_seed"
        )
    return result


def settings(config: Config) -> Config:
    """Return the settings that the networks of folds are trained with, in runs of their own."""
    coarse = config.coarse
    epochs, init = coarse.fold_epochs or coarse.epochs, coarse.fold_init or coarse.init
    return replace(config, coarse=replace(coarse, epochs=epochs, init=init))


@dataclass(frozen=True)
class UnseenModels:
    """The networks that patches are cut by."""

    own: Model
    """The finished one, for photos held out."""
    others: tuple[Model, ...]
    """For training photos: one for each fold, one for all, or none where it is `own`."""
    split_seed: int

    def of(self, sample: Sample, *, held_out: bool) -> Model:
        """Return the model that cuts the patches of `sample`.

        Raises:
            InputError: it has learnt from photos of that group, and is to be another network, or
                the photo is held out.
        """
        if held_out and sample.group in self.own.seen:
            raise InputError(
                f"{sample.name} would be held out, but the coarse network has learnt from photos "
                f"of {sample.group}; name the folders in the order that train-coarse had them in"
            )
        if held_out or not self.others:
            return self.own
        chosen = self.others[fold_of(sample.group, len(self.others), seed=self.split_seed)]
        if sample.group in chosen.seen:
            raise InputError(
                f"the network that is to cut the patches of {sample.name} has learnt from photos "
                f"of {sample.group}, perhaps as coarse.init or coarse.fold_init; set tiles.cut_by, "
                "or leave the folder of that photo out"
            )
        return chosen


def cutters(run: Path, config: Config, own: Model) -> UnseenModels:
    """Return the networks that `tiles.cut_by` names; `own` is the model of `run`.

    Raises:
        InputError: some of them are not there.
    """
    others = tuple(models.load(path) for path in _folders(run, config))
    return UnseenModels(own, others, config.data.split_seed)


def weights_hash(run: Path, config: Config) -> str:
    """Return a hash of the coarse weights of all networks that patches are cut by.

    Raises:
        InputError: some of them are not there.
    """
    hashes = [models.weights_hash(path) for path in (run / "model", *_folders(run, config))]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _folders(run: Path, config: Config) -> list[Path]:
    """Return the folders of the models that cut the patches of training photos."""
    num_folds, cut_by = config.coarse.folds, config.tiles.cut_by
    if cut_by == "init":
        if not config.coarse.init:
            raise InputError('tiles.cut_by = "init", but the run has no coarse.init')
        return [models.find(config.coarse.init)]
    if cut_by == "own" or (cut_by == "auto" and not num_folds):
        return []
    if not num_folds:
        raise InputError(f"{run} has no folds; run `foveamask train-coarse DATA {run} --folds 5`")
    folders = [folder(run, fold, num_folds) / "model" for fold in range(num_folds)]
    missing = [path for path in folders if not (path / "model.json").is_file()]
    if missing:
        raise InputError(f"{missing[0]} is not there; run `foveamask train-coarse DATA {run}`")
    return folders

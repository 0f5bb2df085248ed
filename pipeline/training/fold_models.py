"""Fold networks: each extracts the patches of photos that it was not trained on.

A network is more certain of its training photos than of others, and makes fewer errors there. A
refiner trained on such predictions would meet other errors later. With
`tiles.patch_source = "folds"`, the patches of a training photo are extracted by a network that was
trained on all folds except the one with the photo's group:

folds/<k>-of-<K>/   stage one trained without fold k
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from data.groups import fold_of
from data.samples import Sample
from pipeline.config import Config
from pipeline.model import Model
from pipeline.model_folder import load_model, weights_hash


def fold_folder(run: Path, fold: int, num_folds: int) -> Path:
    """Return the folder of the network that is trained without `fold`."""
    return run / "folds" / f"{fold}-of-{num_folds}"


def fold_splits(
    samples: Sequence[Sample], config: Config
) -> list[tuple[list[Sample], list[Sample]]]:
    """Return the training and the validation set of each fold of the training set `samples`.

    Raises:
        InputError: a fold has no groups.
    """
    num_folds, seed = config.coarse.folds, config.data.split_seed
    folds = {s.group: fold_of(s.group, max(1, num_folds), seed=seed) for s in samples}
    splits = [
        (
            [s for s in samples if folds[s.group] != fold],
            [s for s in samples if folds[s.group] == fold],
        )
        for fold in range(num_folds)
    ]
    if any(not side for sides in splits for side in sides):
        raise InputError(
            f"{num_folds} folds of {len(folds)} training groups leave a fold empty; use fewer "
            "(--folds), or another data.split_seed"
        )
    return splits


@dataclass(frozen=True)
class UnseenModels:
    """The models that extract patches: the final network, and fold networks if there are any."""

    final: Model
    """The model of the run, for validation photos."""
    folds: tuple[Model, ...]
    """Models for training photos, by fold; empty if `final` extracts their patches too."""
    split_seed: int

    def for_sample(self, sample: Sample, *, is_validation: bool) -> Model:
        """Return the model that extracts the patches of `sample`.

        Raises:
            InputError: that model was trained on the group of `sample`, although the sample is for
                validation or the model is that of a fold.
        """
        if is_validation and sample.group in self.final.seen:
            raise InputError(
                f"{sample.name} is a validation photo, but the coarse network was trained on its "
                f"group {sample.group}; name the folders in the same order as for train-coarse"
            )
        if is_validation or not self.folds:
            return self.final
        model = self.folds[fold_of(sample.group, len(self.folds), seed=self.split_seed)]
        if sample.group in model.seen:
            raise InputError(
                f"the network that would extract the patches of {sample.name} was trained on its "
                f"group {sample.group}; leave the folder of that photo out, or set "
                'tiles.patch_source = "final"'
            )
        return model


def unseen_models(run: Path, config: Config, final: Model) -> UnseenModels:
    """Return the models that `tiles.patch_source` chooses; `final` is the model of `run`.

    Raises:
        InputError: some of them are missing.
    """
    folds = tuple(load_model(path) for path in _fold_models(run, config))
    return UnseenModels(final, folds, config.data.split_seed)


def unseen_weights_hash(run: Path, config: Config) -> str:
    """Return a hash of the coarse weights of all models that extract patches.

    Raises:
        InputError: some of them are missing.
    """
    hashes = [weights_hash(path) for path in (run / "model", *_fold_models(run, config))]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _fold_models(run: Path, config: Config) -> list[Path]:
    """Return the folders of the models that extract the patches of training photos."""
    num_folds = config.coarse.folds
    if config.tiles.patch_source != "folds":
        return []
    if not num_folds:
        raise InputError(
            f'tiles.patch_source = "folds", but {run} has none; '
            f"run `foveamask train-coarse DATA {run} --folds 5`"
        )
    folders = [fold_folder(run, fold, num_folds) / "model" for fold in range(num_folds)]
    missing = [path for path in folders if not (path / "model.json").is_file()]
    if missing:
        raise InputError(f"{missing[0]} is missing; run `foveamask train-coarse DATA {run}`")
    return folders

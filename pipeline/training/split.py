"""The training and the validation set of a run."""

import logging
from collections.abc import Sequence
from pathlib import Path

from data.errors import InputError
from data.groups import check_pattern, split
from data.samples import Sample, find_samples
from pipeline.config import DataConfig

log = logging.getLogger(__name__)


def split_samples(folders: Sequence[Path], config: DataConfig) -> tuple[list[Sample], list[Sample]]:
    """Return the training set and the validation set of the data in `folders`.

    The validation set comes from the first folder. All photos of the others are in the training
    set, except those of validation groups. Warns if `config` excludes photos that are not there.

    Raises:
        InputError: a folder is missing or incomplete, or one of the sets is empty, the validation
            set with `data.val_share` = 0 excepted.
    """
    samples = find_samples(*folders, group_pattern=config.group, object_values=config.object)
    names = [sample.name for sample in samples]
    check_pattern(config.group, names)
    unknown = sorted(set(config.exclude).difference(names))
    if unknown:
        log.warning("data.exclude names unknown photos: %s", ", ".join(unknown))
    return divide(samples, folders[0], config)


def divide(
    samples: Sequence[Sample], first_folder: Path, config: DataConfig
) -> tuple[list[Sample], list[Sample]]:
    """Return the training set and the validation set of `samples`; the latter of one folder.

    Raises:
        InputError: one of the sets is empty, the validation set with `data.val_share` = 0
            excepted.
    """
    first = [sample for sample in samples if sample.folder == first_folder]
    train, val = split(
        first, share=config.val_share, start=config.val_start, seed=config.split_seed
    )
    val_groups = {sample.group for sample in val}
    others = set(samples).difference(first)
    train += [sample for sample in others if sample.group not in val_groups]
    chosen = sorted(sample for sample in train if sample.name not in config.exclude)
    if not chosen:
        raise InputError(
            f"data.exclude names all {len(train)} photos of the training set; take some out"
        )
    return chosen, val

"""The patch cache of a run as the refiner's training reads it."""

import logging
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.datasets.patch_dataset import Arrays
from data.errors import InputError
from data.geometry import Fovea
from data.patch_cache import patch_store
from data.samples import group_of
from pipeline.config import Config
from pipeline.training import distributed
from pipeline.training.memory import memory_limit

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PatchCache:
    """Patches of training photos, then those of validation photos; opened once a training."""

    path: Path
    fovea: Fovea
    fingerprint: str
    """Hash of all that the patches were made from."""
    arrays: Arrays
    """What each patch is, by the names of `patch_store.array_shapes`; in memory if it fits."""
    photos: NDArray[np.int64]
    """(N,) number of each patch's photo, ascending."""
    outside: NDArray[np.int64]
    """(M, 3) pixels of each photo outside its tiles: in both masks, the coarse one, the true."""
    num_train_photos: int
    """The first so many photos are for training, the others for validation."""
    train_groups: frozenset[str]
    val_groups: frozenset[str]

    @property
    def num_train_patches(self) -> int:
        """The first so many patches are for training."""
        return int(np.searchsorted(self.photos, self.num_train_photos))


def open_patches(run: Path, config: Config, coarse_hash: str) -> PatchCache:
    """Open the patches of `run` that were made with `config` and the weights of `coarse_hash`.

    Raises:
        InputError: they are missing, stale or damaged, or none are of training photos.
    """
    path, fovea = run / "patches.zarr", config.tiles.fovea
    group = patch_store.open_store(path, fovea, coarse_hash, patch_settings(config))
    about = patch_store.metadata(path)
    stored = patch_store.stored_arrays(group, path)
    arrays = in_memory({name: stored[name] for name in patch_store.array_shapes(fovea)})
    groups = [group_of(name, re.compile(config.data.group)) for name in about.photos]
    cache = PatchCache(
        path=path,
        fovea=fovea,
        fingerprint=about.fingerprint,
        arrays=arrays,
        photos=arrays["tile"][:][:, 0],
        outside=stored["outside"][:],
        num_train_photos=about.num_training,
        train_groups=frozenset(groups[: about.num_training]),
        val_groups=frozenset(groups[about.num_training :]),
    )
    if not cache.num_train_patches:
        raise InputError(
            f"{path} has no training patches: the coarse network is certain of every "
            "pixel; widen tiles.low and tiles.high, or train it for longer"
        )
    return cache


def patch_settings(config: Config) -> dict[str, Any]:
    """Return the settings that patches depend on."""
    return {"tiles": asdict(config.tiles), "data": asdict(config.data)}


def in_memory(arrays: Arrays) -> Arrays:
    """Return `arrays` read into memory where that takes less than half of it, else as they are.

    Each process of a machine has its share of the memory.

    Raises:
        InputError: the store that they are in is damaged.
    """
    num_bytes = sum(int(np.prod(array.shape)) * array.dtype.itemsize for array in arrays.values())
    if num_bytes * 2 > memory_limit() / distributed.local_world_size():
        log.info("reading %.1f GB of patches from disk in each epoch", num_bytes / 1e9)
        return arrays
    return {name: array[:] for name, array in arrays.items()}

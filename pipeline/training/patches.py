"""The patch cache of a run, opened for the training of the refiner."""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.datasets.patch_dataset import Arrays
from data.errors import InputError
from data.geometry import Fovea
from data.groups import groups_of
from data.memory import memory_limit
from data.patch_cache import patch_store
from pipeline.config import Config
from pipeline.training import distributed

log = logging.getLogger(__name__)

PATCHES = "patches.zarr"
"""Name of the patch cache in the folder of a run."""


@dataclass(frozen=True)
class PatchCache:
    """Patches of training photos, then those of validation photos; opened once per training."""

    fovea: Fovea
    fingerprint: str
    """Hash of everything that the patches were made from."""
    arrays: Arrays
    """The arrays of `patch_store.array_shapes` by name; in memory if they fit."""
    photos: NDArray[np.int64]
    """(N,) number of each patch's photo, ascending."""
    outside: NDArray[np.int64]
    """(M, 3) pixels of each photo outside its tiles: in both masks, the coarse one, the true."""
    num_train_photos: int
    """Number of training photos; these come first, validation photos follow."""
    train_groups: frozenset[str]
    val_groups: frozenset[str]
    val_names: frozenset[str] = frozenset()
    """Stems of the validation photos."""

    @property
    def num_train_patches(self) -> int:
        """Number of training patches; these come first, validation patches follow."""
        return int(np.searchsorted(self.photos, self.num_train_photos))


def open_patches(
    run: Path, config: Config, coarse_hash: str, path: Path | None = None
) -> PatchCache:
    """Open the patches of `run` that were made with `config` and the weights of `coarse_hash`.

    They lie at `path`, by default in the run.

    Raises:
        InputError: they are missing or damaged, were made from something else, or include no
            training patches.
    """
    path, fovea = path or run / PATCHES, config.tiles.fovea
    group = patch_store.open_store(path, fovea, coarse_hash, patch_settings(config))
    about = patch_store.metadata(path)
    stored = patch_store.stored_arrays(group, path)
    arrays = in_memory({name: stored[name] for name in patch_store.array_shapes(fovea)})
    groups = groups_of(about.photos, config.data.group)
    cache = PatchCache(
        fovea=fovea,
        fingerprint=about.fingerprint,
        arrays=arrays,
        photos=arrays["tile"][:][:, 0],
        outside=stored["outside"][:],
        num_train_photos=about.num_training,
        train_groups=frozenset(groups[: about.num_training]),
        val_groups=frozenset(groups[about.num_training :]),
        val_names=frozenset(about.photos[about.num_training :]),
    )
    if not cache.num_train_patches:
        raise InputError(
            f"{path} has no training patches: the coarse network is certain of every "
            "pixel; widen tiles.low and tiles.high, or train it for longer"
        )
    return cache


def count_training_patches(run: Path, config: Config, coarse_hash: str) -> int:
    """Return how many training patches `run` has; see `open_patches`.

    Raises:
        InputError: they are missing or damaged, or were made from something else.
    """
    path = run / PATCHES
    group = patch_store.open_store(path, config.tiles.fovea, coarse_hash, patch_settings(config))
    photos = patch_store.stored_arrays(group, path)["tile"][:][:, 0]
    return int(np.searchsorted(photos, patch_store.metadata(path).num_training))


def patch_settings(config: Config) -> dict[str, Any]:
    """Return the settings that patches depend on."""
    return {"tiles": asdict(config.tiles), "data": asdict(config.data)}


def in_memory(arrays: Arrays) -> Arrays:
    """Return `arrays` in memory if they take less than half of it, else as they are.

    The memory is shared equally by the processes on this machine.

    Raises:
        InputError: their store is damaged.
    """
    num_bytes = sum(int(np.prod(array.shape)) * array.dtype.itemsize for array in arrays.values())
    if num_bytes * 2 > memory_limit() / distributed.local_world_size():
        log.info("reading %.1f GB of patches from disk in each epoch", num_bytes / 1e9)
        return arrays
    return {name: array[:] for name, array in arrays.items()}

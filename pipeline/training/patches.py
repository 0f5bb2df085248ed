"""The patch cache of a run, opened for the training of the refiner."""

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
    """Patches of training photos, then those of validation photos; opened once per training."""

    path: Path
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

    @property
    def num_train_patches(self) -> int:
        """Number of training patches; these come first, validation patches follow."""
        return int(np.searchsorted(self.photos, self.num_train_photos))


def open_patches(run: Path, config: Config, coarse_hash: str) -> PatchCache:
    """Open the patches of `run` that were made with `config` and the weights of `coarse_hash`.

    Raises:
        InputError: they are missing or damaged, were made from something else, or include no
            training patches.
    """
    path, fovea = run / "patches.zarr", config.tiles.fovea
    group = patch_store.open_store(path, fovea, coarse_hash, patch_settings(config))
    names, num_train = _photos_of(path, dict(group.attrs))
    stored = patch_store.stored_arrays(group, path)
    arrays = in_memory({name: stored[name] for name in patch_store.array_shapes(fovea)})
    photos, outside = arrays["tile"][:][:, 0], stored["outside"][:]
    in_order = np.all(np.diff(photos, prepend=0, append=len(names) - 1) >= 0)
    if len(outside) != len(names) or not in_order:
        raise _damaged(path, "its patches are not in the order of its photos")
    groups = [group_of(name, re.compile(config.data.group)) for name in names]
    cache = PatchCache(
        path=path,
        fovea=fovea,
        fingerprint=str(group.attrs["fingerprint"]),
        arrays=arrays,
        photos=photos,
        outside=outside,
        num_train_photos=num_train,
        train_groups=frozenset(groups[:num_train]),
        val_groups=frozenset(groups[num_train:]),
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


def _photos_of(path: Path, attributes: dict[str, Any]) -> tuple[list[str], int]:
    """Return the names of the photos of a store, and the number of training photos.

    Raises:
        InputError: its attributes are missing or wrong.
    """
    names, num_train = attributes.get("photos"), attributes.get("num_training")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _damaged(path, "its attributes do not name its photos")
    if type(num_train) is not int or not 0 <= num_train <= len(names):
        raise _damaged(path, "its attributes do not number its training photos")
    return names, num_train


def _damaged(path: Path, reason: str) -> InputError:
    hint = patch_store.rebuild_hint(path)
    return InputError(f"{path} is damaged: {reason}; delete it and {hint}")

"""Small stores of patches for the tests here."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zarr

from data.geometry import Fovea
from data.patch_cache.patch_store import (
    Origin,
    Patches,
    array_shapes,
)
from data.patch_cache.patch_writer import PatchWriter

SMALL = Fovea(tile=8, levels=2)
ORIGIN = Origin(photos="aa", coarse="bb", settings={"tiles": {"side": 8}, "data": {"group": "x"}})
PHOTOS = [f"photo{i}" for i in range(7)]
SHARD = 8
AGAIN = r"run `foveamask make-patches DATA .*`$"


def photo_patches(photo: int, count: int, fovea: Fovea = SMALL) -> Patches:
    """Noise that depends on the photo, numbered tiles."""
    random = np.random.default_rng(photo)
    patches: Patches = {
        name: random.integers(0, 256, (count, *shape), np.uint8)
        for name, shape in array_shapes(fovea).items()
    }
    patches["tile"] = np.array([(photo, i, 2 * i) for i in range(count)], np.int32).reshape(-1, 3)
    return patches


def joined(parts: list[Patches]) -> Patches:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def writer(path: Path, origin: Origin = ORIGIN) -> PatchWriter:
    return PatchWriter(path, SMALL, origin, PHOTOS, num_training=5)


def go_on(store: PatchWriter, parts: list[Patches]) -> Iterator[int]:
    """Append the patches of one photo after the other, the way `make-patches` does."""
    first, _ = store.last_photo()
    for photo in range(first, len(parts)):
        store.outside[photo] = photo, 2 * photo, 3 * photo
        patches = store.unwritten(parts[photo]) if photo == first else parts[photo]
        if len(patches["tile"]):
            store.append(patches)
        yield photo


def fill(path: Path, parts: list[Patches]) -> None:
    store = writer(path)
    for _ in go_on(store, parts):
        pass
    store.finish()


def contents(path: Path) -> dict[str, bytes]:
    """All that a finished store holds, by file."""
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def arrays(path: Path) -> Patches:
    group = zarr.open_group(path, mode="r")
    return {name: np.asarray(group[name]) for name in [*array_shapes(SMALL), "outside"]}

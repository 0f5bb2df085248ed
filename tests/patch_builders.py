"""Stores of patches, each of which shows one shade, by which it is known."""

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.geometry import Fovea
from data.patch_cache import patch_store
from data.patch_cache.patch_store import Origin, Patches
from data.patch_cache.patch_writer import PatchWriter
from pipeline.config import (
    Config,
)
from pipeline.evaluation.metrics import Overlap
from pipeline.model_folder import save_model, weights_hash
from pipeline.training.patches import patch_settings
from tests.builders import car_name, tiny_model

PATCHES = (5, 3, 0, 4, 7)
"""Patches of each photo of a store that `write_patches` writes."""


NUM_TRAINING = 3
"""Photos of that store that are to train on."""


OUTSIDE = ((50, 60, 55), (9, 9, 9), (3, 4, 5), (40, 44, 50), (70, 90, 80))
"""What the masks of each photo have outside of its patches: in both, in the one, in the other."""


def patch_shade(photo: int) -> int:
    """The shade of all that the patches of a photo show."""
    return 20 + 50 * photo


def patches_of(photo: int, fovea: Fovea) -> Patches:
    """Patches of one shade, with targets of noise, the last rows of which lie beyond the photo."""
    num, random = PATCHES[photo], np.random.default_rng(photo)
    shapes = patch_store.array_shapes(fovea)
    patches: Patches = {
        name: np.full((num, *shape), patch_shade(photo), np.uint8) for name, shape in shapes.items()
    }
    patches["full"][..., 3] = random.integers(0, 256, (num, fovea.tile, fovea.tile))
    patches["target"] = random.integers(0, 2, (num, fovea.tile, fovea.tile)).astype(np.uint8)
    patches["target"][:, -2:] = patch_store.BEYOND
    places = np.arange(num)
    patches["tile"] = np.column_stack([places * 0 + photo, places // 4, places % 4]).astype("int32")
    return patches


def write_patches(
    run: Path, settings: Config, photos: str = "photos", num_training: int = NUM_TRAINING
) -> Path:
    """Write a run that has a coarse model and patches in the place of those that are there.

    `photos` stands for the hash of the photos that they are made from.
    """
    fovea = Fovea(settings.tiles.side, settings.tiles.levels)
    save_model(tiny_model(refined=False, fovea=fovea), run / "model")
    shutil.rmtree(run / "patches.zarr", ignore_errors=True)
    origin = Origin(photos, weights_hash(run / "model"), patch_settings(settings))
    names = [car_name(car) for car in range(len(PATCHES))]
    writer = PatchWriter(run / "patches.zarr", fovea, origin, names, num_training)
    for photo in range(len(PATCHES)):
        writer.outside[photo] = OUTSIDE[photo]
        if PATCHES[photo]:
            writer.append(patches_of(photo, fovea))
    writer.finish()
    return run


def counts_of(found: Overlap) -> NDArray[np.int64]:
    """What a store has of the overlap outside of the patches of a photo."""
    return np.array([found.intersection, found.predicted, found.truth])

"""The patch cache as training reads it: from memory or from disk, whole or not at all."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr

from data.datasets import patch_dataset
from data.datasets.patch_dataset import PatchBatches
from data.errors import InputError
from data.patch_cache import patch_store
from pipeline.model_folder import weights_hash
from pipeline.training import patches as patches_module
from pipeline.training.patches import PatchCache, in_memory, open_patches, patch_settings
from pipeline.training.refiner_training import mean_dice, refined_logits, train_refiner
from refine.fovea import Windows
from refine.refiner_network import Refiner
from tests.builders import CPU, group_name, tiny_config
from tests.patch_builders import NUM_TRAINING, PATCHES, write_patches

CONFIG = tiny_config()


@pytest.fixture
def _no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches_module, "memory_limit", lambda: 1)


def opened(run: Path) -> PatchCache:
    return open_patches(run, CONFIG, weights_hash(run / "model"))


def trained(run: Path) -> tuple[Refiner, float]:
    return train_refiner(opened(run), run / "refiner", CONFIG, CPU)


def test_from_disk_comes_what_comes_from_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patch_store, "CHUNK", 4)
    monkeypatch.setattr(patch_store, "SHARD", 8)
    monkeypatch.setattr(patch_dataset, "CHUNK", 4)
    run = write_patches(tmp_path, CONFIG)
    torch.manual_seed(0)
    refiner = Refiner(CONFIG.tiles.fovea, channels=(4, 4), depths=(1, 1))
    torch.nn.init.normal_(refiner.head.weight)

    def refined(windows: Windows) -> torch.Tensor:
        return refined_logits(refiner, windows, residual=True)

    memory = opened(run)
    monkeypatch.setattr(patches_module, "memory_limit", lambda: 1)
    disk = opened(run)

    assert all(isinstance(array, np.ndarray) for array in memory.arrays.values())
    assert not any(isinstance(array, np.ndarray) for array in disk.arrays.values())
    num = sum(PATCHES)
    batches = [list(PatchBatches(cache.arrays, num, 4)) for cache in (disk, memory)]
    assert len(batches[0]) == -(-num // 4) > 1
    for one, other in zip(*batches, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(one, other, strict=True))
    with torch.inference_mode():
        scores = [mean_dice(refined, cache, CPU) for cache in (disk, memory)]
    assert scores[0] == scores[1]


@pytest.mark.parametrize(("processes", "memory"), [(1, 2 * 54), (2, 4 * 54)])
def test_what_takes_up_to_half_of_a_process_s_memory_is_read(
    monkeypatch: pytest.MonkeyPatch, processes: int, memory: int
):
    class Rows(list[int]):
        shape, dtype = (3, 2), np.dtype(np.int64)

    class Bytes(list[int]):
        shape, dtype = (6,), np.dtype(np.uint8)

    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    arrays = {"tile": Rows([1, 2, 3]), "target": Bytes([4])}

    monkeypatch.setattr(patches_module, "memory_limit", lambda: memory)
    fitting = in_memory(arrays)
    monkeypatch.setattr(patches_module, "memory_limit", lambda: memory - 1)
    too_much = in_memory(arrays)

    assert too_much is arrays
    assert [type(array) for array in fitting.values()] == [list, list]  # slices, not themselves
    assert fitting == arrays


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_training_on_damaged_patches_asks_for_new_ones(
    tmp_path: Path, where: str, request: pytest.FixtureRequest
):
    run = write_patches(tmp_path, CONFIG)
    shard = run / "patches.zarr" / "target" / "c" / "0" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[:-9])
    if where == "disk":
        request.getfixturevalue("_no_memory")

    with pytest.raises(
        InputError,
        match=r"is damaged: target cannot be read.*; delete it and run `foveamask make-p",
    ):
        trained(run)


def test_no_training_patches_ask_for_wider_tiles(tmp_path: Path):
    run = write_patches(tmp_path, CONFIG, num_training=0)

    with pytest.raises(InputError, match=r"no training patches.*widen tiles\.low and tiles\.high"):
        trained(run)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"num_training": "2"}, "its num_training is '2'"),
        ({"num_training": 6}, "6 of 5 photos are to train on"),
        ({"num_training": True}, "its num_training is True"),
        ({"photos": None}, "its photos are no list of names"),
        ({"photos": [1, 2, 3]}, "its photos are no list of names"),
        ({"photos": ["0", "1", "2"]}, r"outside has the shape \(5, 3\)"),
    ],
)
def test_patches_whose_attributes_make_no_sense_are_damaged(
    tmp_path: Path, attributes: dict[str, object], message: str
):
    run = write_patches(tmp_path, CONFIG)
    attrs = zarr.open_group(run / "patches.zarr", mode="a").attrs
    attrs.update(attributes)
    attrs["checksum"] = patch_store.checksum(dict(attrs))

    with pytest.raises(InputError, match=f"is damaged: .*{message}; delete it and run `foveamask"):
        opened(run)


def test_a_cache_knows_the_groups_of_both_sets(tmp_path: Path):
    cache = opened(write_patches(tmp_path, CONFIG))

    assert cache.train_groups == {group_name(car) for car in range(NUM_TRAINING)}
    assert cache.val_groups == {group_name(car) for car in range(NUM_TRAINING, len(PATCHES))}
    assert cache.num_train_photos == NUM_TRAINING
    assert (cache.photos[: cache.num_train_patches] < NUM_TRAINING).all()
    assert (cache.photos[cache.num_train_patches :] >= NUM_TRAINING).all()
    assert cache.num_train_patches == sum(PATCHES[:NUM_TRAINING])
    assert len(cache.photos) == sum(PATCHES)
    assert cache.fingerprint == patch_store.metadata(tmp_path / "patches.zarr").fingerprint


def test_groups_are_those_of_the_pattern_in_the_settings(tmp_path: Path):
    config = replace(CONFIG, data=replace(CONFIG.data, group="(...).*"))
    run = write_patches(tmp_path, config)

    cache = open_patches(run, config, weights_hash(run / "model"))

    assert cache.train_groups == {"000"}


def test_patches_of_other_tiles_or_another_size_of_photos_are_refused(tmp_path: Path):
    run = write_patches(tmp_path, CONFIG)

    assert patch_settings(CONFIG) == {"tiles": asdict(CONFIG.tiles), "data": asdict(CONFIG.data)}
    for other in (
        replace(CONFIG, tiles=replace(CONFIG.tiles, low=0.1)),
        replace(CONFIG, data=replace(CONFIG.data, long_side=128)),
    ):
        with pytest.raises(InputError, match="was made"):
            open_patches(run, other, weights_hash(run / "model"))

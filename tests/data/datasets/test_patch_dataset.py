from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from data.datasets import patch_dataset
from data.datasets.patch_dataset import Arrays, PatchBatches

CHUNK, POOL = 4, 3

COUNTS = st.integers(1, 70)
BATCH_SIZES = st.integers(1, 9)


@pytest.fixture(autouse=True, scope="module")
def _small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patch_dataset, "CHUNK", CHUNK)
        patch.setattr(patch_dataset, "POOL", POOL)
        yield


def numbered(count: int) -> Arrays:
    """Arrays of whose rows each holds its number."""
    numbers = np.arange(count)
    return {
        "full": np.broadcast_to(numbers[:, None, None].astype(np.uint8), (count, 2, 2)).copy(),
        "tile": np.stack([numbers, numbers + 1000], axis=1).astype(np.int32),
    }


def numbers_of(batches: PatchBatches, epoch: int = 0) -> list[list[int]]:
    batches.set_epoch(epoch)
    result = [batch[1][:, 0].tolist() for batch in batches]
    assert len(result) == len(batches)
    return result


@given(COUNTS, st.integers(0, 20), BATCH_SIZES, st.integers(0, 3))
def test_each_patch_comes_once_an_epoch(num_patches: int, rest: int, size: int, epoch: int):
    batches = PatchBatches(numbered(num_patches + rest), num_patches, size)

    steps = numbers_of(batches, epoch)

    seen = Counter(number for step in steps for number in step)
    assert seen == Counter(range(num_patches))  # those for validation come after
    *whole, last = [len(step) for step in steps]
    assert set(whole) <= {max(whole, default=0)}
    assert 1 <= last <= max(whole, default=last) <= size


@given(COUNTS, BATCH_SIZES)
def test_the_arrays_stay_together(num_patches: int, size: int):
    for full, tile in PatchBatches(numbered(num_patches), num_patches, size):
        assert (full.dtype, tile.dtype) == (torch.uint8, torch.int32)
        assert full.shape[1:] == (2, 2)
        assert torch.equal(full[:, 0, 0].int(), tile[:, 0])
        assert torch.equal(tile[:, 1], tile[:, 0] + 1000)


def test_an_epoch_is_always_the_same_and_no_other_is():
    def steps(epoch: int, seed: int = 0) -> list[list[int]]:
        return numbers_of(PatchBatches(numbered(60), 60, 5, seed=seed), epoch)

    assert steps(3) == steps(3)
    assert steps(3) != steps(4)
    assert steps(3) != steps(3, seed=1)


def test_patches_of_a_chunk_are_scattered_over_a_pool():
    steps = numbers_of(PatchBatches(numbered(60), 60, 2))

    order = [number for step in steps for number in step]
    neighbours = sum(abs(a - b) == 1 for a, b in pairwise(order))
    chunks = [number // CHUNK for number in order]
    assert neighbours < 20
    assert chunks != sorted(chunks)
    for start in range(0, 60, CHUNK * POOL):  # but not further: only whole chunks are read
        assert len(set(chunks[start : start + CHUNK * POOL])) == POOL


def test_the_last_step_is_not_always_of_the_same_patches():
    batches = PatchBatches(numbered(7), 7, 4)

    last = {number for epoch in range(20) for number in numbers_of(batches, epoch)[-1]}

    assert last == set(range(7))


@pytest.mark.parametrize("count", [37, 48])
def test_a_zarr_group_gives_the_batches_of_memory(tmp_path: Path, count: int):
    in_memory = numbered(count)
    group = zarr.open_group(tmp_path / "patches.zarr", mode="w")
    for name, rows in in_memory.items():
        chunks = (CHUNK, *rows.shape[1:])
        shards = (8 * CHUNK, *rows.shape[1:])
        group.create_array(name, data=rows, chunks=chunks, shards=shards)
    on_disk = {name: group[name] for name in in_memory}

    pairs = zip(
        PatchBatches(in_memory, count - 3, 5), PatchBatches(on_disk, count - 3, 5), strict=True
    )

    for ours, theirs in pairs:
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@given(COUNTS, BATCH_SIZES, st.integers(2, 4))
def test_processes_share_the_steps_of_one(num_patches: int, size: int, world: int):
    arrays = numbered(num_patches)
    together = numbers_of(PatchBatches(arrays, num_patches, size * world))

    shares = [
        numbers_of(PatchBatches(arrays, num_patches, size, rank=rank, world=world))
        for rank in range(world)
    ]

    assert len({len(share) for share in shares}) == 1  # else one would wait for ever
    for step, parts in zip(together, zip(*shares, strict=True), strict=True):
        assert len({len(part) for part in parts}) == 1
        assert {number for part in parts for number in part} == set(step)
        if len(step) % world == 0:
            assert Counter(step) == Counter(number for part in parts for number in part)


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_fewer_patches_than_a_batch_are_a_batch_of_every_process(count: int, world: int):
    shares = [
        numbers_of(PatchBatches(numbered(count), count, 4, rank=rank, world=world))
        for rank in range(world)
    ]

    assert all(len(share) == 1 and len(share[0]) > 0 for share in shares)
    assert {number for (step,) in shares for number in step} == set(range(count))


def test_batches_are_the_callers_own():
    arrays = numbered(12)
    before = {name: rows.copy() for name, rows in arrays.items()}

    for batch in PatchBatches(arrays, 12, 4):
        for rows in batch:
            clear(rows)

    for name, rows in arrays.items():
        np.testing.assert_array_equal(rows, before[name])


def clear(rows: Tensor) -> None:
    rows.zero_()

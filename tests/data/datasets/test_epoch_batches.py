from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data.datasets.coarse_dataset import (
    CoarseDataset,
    CoarsePair,
    CoarseView,
    EpochBatches,
)
from data.geometry import Size

VIEW = CoarseView(64)


SIZES = st.lists(
    st.sampled_from([Size(32, 32), Size(32, 48), Size(48, 32)]), min_size=1, max_size=60
)
COUNTS = st.integers(1, 7)


def pairs(count: int) -> list[CoarsePair]:
    random = np.random.default_rng(0)
    return [
        CoarsePair(
            random.integers(0, 256, (8, 12, 3), np.uint8),
            random.integers(0, 256, (8, 12), np.uint8),
        )
        for _ in range(count)
    ]


def batches_of(batches: EpochBatches, epoch: int = 0) -> list[list[tuple[int, int]]]:
    batches.set_epoch(epoch)
    result = list(batches)
    assert len(result) == len(batches)
    return result


@given(SIZES, COUNTS, st.integers(0, 3))
def test_each_photo_comes_once_in_an_epoch(sizes: list[Size], batch_size: int, epoch: int):
    batches = batches_of(EpochBatches(sizes, batch_size), epoch)

    seen = Counter(index for batch in batches for _, index in batch)
    assert seen == Counter(range(len(sizes)))


@given(SIZES, COUNTS, st.integers(1, 3))
def test_batches_are_of_one_size_and_as_many_photos_as_others_of_it(
    sizes: list[Size], batch_size: int, world: int
):
    counts = Counter(sizes)
    for rank in range(world):
        for batch in batches_of(EpochBatches(sizes, batch_size, rank=rank, world=world), epoch=4):
            (size,) = {sizes[index] for _, index in batch}
            num_steps = -(-counts[size] // (batch_size * world))
            assert max(1, counts[size] // num_steps // world) <= len(batch) <= batch_size
            assert {epoch for epoch, _ in batch} == {4}


@given(SIZES, COUNTS, st.integers(2, 4))
def test_processes_share_the_steps_of_one(sizes: list[Size], batch_size: int, world: int):
    shares = [
        batches_of(EpochBatches(sizes, batch_size, rank=rank, world=world)) for rank in range(world)
    ]

    together = batches_of(EpochBatches(sizes, batch_size * world))

    assert len({len(share) for share in shares}) == 1  # else one would wait for ever
    for step, parts in zip(together, zip(*shares, strict=True), strict=True):
        shared = Counter(key for part in parts for key in part)
        assert set(shared) == set(step)
        # Only where there is less than one photo a process are photos repeated.
        assert shared.total() == max(len(step), world)
        sizes_of_parts = [len(part) for part in parts]
        assert max(sizes_of_parts) - min(sizes_of_parts) <= 1


@pytest.mark.parametrize("world", [2, 3])
def test_shares_of_processes_have_nothing_in_common(world: int):
    sizes = [Size(32, 32)] * 40

    shares = [
        {key for batch in EpochBatches(sizes, 3, rank=rank, world=world) for key in batch}
        for rank in range(world)
    ]

    assert sum(map(len, shares)) == len(set.union(*shares)) == 40


def test_an_epoch_is_always_the_same_and_no_other_is():
    sizes = [Size(32, 32)] * 20 + [Size(48, 32)] * 20

    def indices(epoch: int, seed: int = 0) -> list[list[int]]:
        batches = batches_of(EpochBatches(sizes, 4, seed=seed), epoch)
        return [[index for _, index in batch] for batch in batches]

    assert indices(3) == indices(3)
    assert indices(3) != indices(4)
    assert indices(3) != indices(3, seed=1)
    order = [sizes[batch[0]] for batch in indices(3)]
    assert order not in (sorted(order), sorted(order, reverse=True))  # sizes take turns


@pytest.mark.parametrize("count", [1, 2, 3])
def test_fewer_photos_than_a_batch_are_a_short_batch(count: int):
    (batch,) = batches_of(EpochBatches([Size(32, 32)] * count, 4))

    assert sorted(index for _, index in batch) == list(range(count))


def test_photos_of_as_many_sizes_come_once_each():
    sizes = [Size(32, 16 * i) for i in range(1, 21)]

    batches = batches_of(EpochBatches(sizes, 8))

    assert sorted(index for ((_, index),) in batches) == list(range(20))


def test_the_smaller_batch_is_not_always_of_the_same_photos():
    batches = EpochBatches([Size(32, 32)] * 7, 4)

    smaller = {
        index
        for epoch in range(20)
        for batch in batches_of(batches, epoch)
        for _, index in batch
        if len(batch) == 3
    }

    assert smaller == set(range(7))


def test_a_loader_takes_dataset_and_batches():
    loaded = pairs(5)
    batches = EpochBatches([Size(8, 12)] * 5, 2)
    loader = torch.utils.data.DataLoader(CoarseDataset(loaded), batch_sampler=batches)

    shapes = [(photos.shape, masks.shape) for photos, masks in loader]

    assert sorted(shapes) == [((num, 3, 8, 12), (num, 8, 12)) for num in (1, 2, 2)]

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from data.datasets import coarse_dataset
from data.datasets.augment import Augmentation
from data.datasets.coarse_dataset import (
    CoarseDataset,
    CoarsePair,
    CoarseView,
    EpochBatches,
    load_pair,
    load_pairs,
)
from data.errors import InputError
from data.geometry import Size
from data.samples import Sample

VIEW = CoarseView(64)


def disc(height: int, width: int, row: float, column: float, radius: float) -> NDArray[np.bool_]:
    rows, columns = np.ogrid[:height, :width]
    inside: NDArray[np.bool_] = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return inside


def sample(folder: Path, name: str, mask: NDArray[np.bool_]) -> Sample:
    """A sample whose photo is its mask in white on black."""
    photo_path, mask_path = folder / f"{name}.bmp", folder / f"{name}.png"
    Image.fromarray(mask).convert("RGB").save(photo_path)
    Image.fromarray(mask).save(mask_path)
    return Sample(name, photo_path, mask_path, name, photo_path.parent)


def pairs(count: int) -> list[CoarsePair]:
    random = np.random.default_rng(0)
    return [
        CoarsePair(
            random.integers(0, 256, (8, 12, 3), np.uint8),
            random.integers(0, 256, (8, 12), np.uint8),
        )
        for _ in range(count)
    ]


def ignore(done: int, total: int) -> None:
    pass


def test_the_target_is_the_area_mean_of_the_mask(tmp_path: Path):
    mask = disc(64, 64, 30.2, 33.7, 21)

    pair = load_pair(sample(tmp_path, "a", mask), VIEW)

    assert pair.mask.shape == (16, 16)
    exact = mask.reshape(16, 4, 16, 4).mean((1, 3)) * 255
    # Two halvings, each of which is off by half a value at most.
    np.testing.assert_allclose(pair.mask, exact, atol=1)
    assert pair.mask.mean() / 255 == pytest.approx(mask.mean(), abs=0.5 / 255)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (45, 61), (150, 201), (31, 20)])
def test_photo_and_mask_lie_on_the_same_grid(tmp_path: Path, height: int, width: int):
    mask = disc(height, width, height / 3, width / 2, height / 4)

    pair = load_pair(sample(tmp_path, "a", mask), VIEW)

    for channel in range(3):
        np.testing.assert_array_equal(pair.photo[..., channel], pair.mask)


@pytest.mark.parametrize(
    ("size", "coarse"),
    [((1280, 1918), (320, 480)), ((1918, 1280), (480, 320)), ((640, 959), (320, 480))],
)
def test_coarse_is_a_quarter_of_the_padded_working_size(
    size: tuple[int, int], coarse: tuple[int, int]
):
    assert CoarseView(1918)(np.zeros(size, np.uint8)).shape == coarse


def test_coarse_pixels_are_squares_of_four_from_the_corner():
    photo = np.random.default_rng(0).integers(0, 256, (60, 62, 3), np.uint8)

    coarse = VIEW(photo)

    exact = photo[:60, :60].reshape(15, 4, 15, 4, 3).mean((1, 3))
    np.testing.assert_allclose(coarse[:15, :15], exact, atol=1)


def test_samples_are_loaded_in_order_and_counted(tmp_path: Path):
    samples = [sample(tmp_path, f"{i}", disc(64, 64, 32, 32, i)) for i in range(12)]
    told = []

    loaded = load_pairs(samples, VIEW, lambda done, total: told.append((done, total)))

    assert told == [(i + 1, 12) for i in range(12)]
    for one, pair in zip(samples, loaded, strict=True):
        np.testing.assert_array_equal(pair.mask, load_pair(one, VIEW).mask)


def test_photos_are_decoded_once_and_never_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    samples = [sample(tmp_path, f"{i}", disc(64, 64, 32, 32, i)) for i in range(3)]
    decoded = Counter[Path]()
    read_photo = coarse_dataset.read_photo

    def counting(path: Path) -> NDArray[np.uint8]:
        decoded[path] += 1
        return read_photo(path)

    monkeypatch.setattr(coarse_dataset, "read_photo", counting)
    dataset = CoarseDataset(load_pairs(samples, VIEW, ignore))
    for epoch in range(3):
        for i in range(3):
            dataset[epoch, i]

    assert decoded == {one.photo: 1 for one in samples}


def test_all_problems_are_named_at_once(tmp_path: Path):
    samples = [sample(tmp_path, name, disc(64, 64, 32, 32, 9)) for name in "abcd"]
    samples[0].photo.write_bytes(b"")
    Image.new("1", (64, 48)).save(samples[2].mask)
    samples[3].mask.write_bytes(b"no picture")

    with pytest.raises(InputError) as caught:
        load_pairs(samples, VIEW, ignore)

    assert str(caught.value).splitlines() == [
        f"{tmp_path}/a.bmp is not an image: none of JPEG, PNG, TIFF, WebP, BMP and GIF",
        f"{tmp_path}/c.bmp is 64 x 64, its mask 48 x 64",
        f"{tmp_path}/d.png is not an image: none of JPEG, PNG, TIFF, WebP, BMP and GIF",
    ]


def test_an_item_without_augmentation_is_the_pair():
    loaded = pairs(3)

    photo, mask = CoarseDataset(loaded)[5, 2]

    assert (photo.dtype, mask.dtype) == (torch.uint8, torch.uint8)
    np.testing.assert_array_equal(photo.numpy().transpose(1, 2, 0), loaded[2].photo)
    np.testing.assert_array_equal(mask.numpy(), loaded[2].mask)
    assert len(CoarseDataset(loaded)) == 3


def test_an_item_depends_on_seed_epoch_and_index_alone():
    loaded = pairs(2)
    dataset = CoarseDataset(loaded, Augmentation(), seed=7)
    first = dataset[1, 0]

    for i in (1, 0, 1):  # whatever else was asked for in between
        dataset[2, i]
    again = dataset[1, 0]
    elsewhere = CoarseDataset(loaded[:1], Augmentation(), seed=7)[1, 0]

    for other in (again, elsewhere):
        assert torch.equal(first[0], other[0])
        assert torch.equal(first[1], other[1])


def test_another_seed_epoch_or_index_is_another_change():
    loaded = pairs(1) * 2  # the same photo twice

    def item(seed: int, epoch: int, index: int) -> torch.Tensor:
        return CoarseDataset(loaded, Augmentation(), seed)[epoch, index][0]

    first = item(0, 0, 0)

    assert not torch.equal(first, item(1, 0, 0))
    assert not torch.equal(first, item(0, 1, 0))
    assert not torch.equal(first, item(0, 0, 1))


SIZES = st.lists(
    st.sampled_from([Size(32, 32), Size(32, 48), Size(48, 32)]), min_size=1, max_size=60
)
COUNTS = st.integers(1, 7)


def batches_of(batches: EpochBatches, epoch: int = 0) -> list[list[tuple[int, int]]]:
    batches.set_epoch(epoch)
    result = list(batches)
    assert len(result) == len(batches)
    return result


@given(SIZES, COUNTS, st.integers(0, 3))
def test_each_photo_comes_at_most_once_in_an_epoch(sizes: list[Size], batch_size: int, epoch: int):
    batches = batches_of(EpochBatches(sizes, batch_size), epoch)

    seen = Counter(index for batch in batches for _, index in batch)
    assert set(seen.values()) == {1}
    for size, count in Counter(sizes).items():
        num_seen = sum(sizes[index] == size for index in seen)
        assert num_seen == (count // batch_size * batch_size or count)


@given(SIZES, COUNTS, st.integers(1, 3))
def test_batches_are_of_one_size_and_full_where_there_are_photos_enough(
    sizes: list[Size], batch_size: int, world: int
):
    counts = Counter(sizes)
    for rank in range(world):
        for batch in batches_of(EpochBatches(sizes, batch_size, rank=rank, world=world), epoch=4):
            (size,) = {sizes[index] for _, index in batch}
            if counts[size] >= batch_size * world:
                assert len(batch) == batch_size
            assert 1 <= len(batch) <= batch_size
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

    assert sum(map(len, shares)) == len(set.union(*shares)) == 40 // (3 * world) * 3 * world


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


def test_what_is_left_over_is_left_over_in_turns():
    batches = EpochBatches([Size(32, 32)] * 7, 4)

    seen = {
        index for epoch in range(20) for batch in batches_of(batches, epoch) for _, index in batch
    }

    assert seen == set(range(7))


def test_a_loader_takes_dataset_and_batches():
    loaded = pairs(5)
    batches = EpochBatches([Size(8, 12)] * 5, 2)
    loader = torch.utils.data.DataLoader(CoarseDataset(loaded), batch_sampler=batches)

    shapes = [(photos.shape, masks.shape) for photos, masks in loader]

    assert shapes == [((2, 3, 8, 12), (2, 8, 12))] * 2


@pytest.mark.parametrize(
    ("level", "alignment", "coarse"),
    [(2, 128, (320, 480)), (3, 64, (160, 240)), (4, 32, (80, 120)), (4, 256, (80, 128))],
)
def test_a_network_may_see_less_of_a_photo_padded_to_more(
    level: int, alignment: int, coarse: tuple[int, int]
):
    view = CoarseView(1918, level, alignment)

    assert view(np.zeros((1280, 1918, 3), np.uint8)).shape == (*coarse, 3)


@pytest.mark.parametrize("squashed", [Size(512, 512), Size(256, 480), Size(600, 400)])
def test_a_disc_squashed_for_storage_comes_back_to_its_place_on_the_grid(squashed: Size):
    full = disc(1280, 1918, 500.3, 1400.7, 300.0).astype(np.uint8) * 255
    stored = cv2.resize(full, squashed[::-1], interpolation=cv2.INTER_AREA)

    original = CoarseView(1918)(full).astype(float)
    back = CoarseView(1918, stretch_to=Size(1280, 1918))(stored).astype(float)

    # A stretch of 512 columns straight to the 480 of the grid would be off by 0.15 of a pixel here.
    assert back.shape == (320, 480)
    np.testing.assert_allclose(centre_of(back), centre_of(original), atol=0.01)
    assert back.sum() == pytest.approx(original.sum(), rel=0.002)


def test_photos_of_the_size_to_stretch_to_are_left_alone():
    photo = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)

    np.testing.assert_array_equal(
        CoarseView(90, stretch_to=Size(60, 90))(photo), CoarseView(90)(photo)
    )


def centre_of(weights: NDArray[np.float64]) -> tuple[float, float]:
    """Row and column of the centre of mass."""
    rows, columns = np.indices(weights.shape)
    return (
        float((rows * weights).sum() / weights.sum()),
        float((columns * weights).sum() / weights.sum()),
    )

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from data.datasets import coarse_dataset
from data.datasets.augment import Augmentation
from data.datasets.coarse_dataset import (
    CoarseDataset,
    CoarsePair,
    CoarseView,
    load_pair,
    load_pairs,
)
from data.errors import InputError
from data.geometry import Size
from data.samples import Sample
from tests.builders import disc

VIEW = CoarseView(64)


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
    mask = disc((30.2, 33.7), 21, (64, 64))

    pair = load_pair(sample(tmp_path, "a", mask), VIEW)

    assert pair.mask.shape == (16, 16)
    exact = mask.reshape(16, 4, 16, 4).mean((1, 3)) * 255
    # Two halvings, each of which is off by half a value at most.
    np.testing.assert_allclose(pair.mask, exact, atol=1)
    assert pair.mask.mean() / 255 == pytest.approx(mask.mean(), abs=0.5 / 255)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (45, 61), (150, 201), (31, 20)])
def test_photo_and_mask_lie_on_the_same_grid(tmp_path: Path, height: int, width: int):
    mask = disc((height / 3, width / 2), height / 4, (height, width))

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
    samples = [sample(tmp_path, f"{i}", disc((32, 32), i, (64, 64))) for i in range(12)]
    told = []

    loaded = load_pairs(samples, VIEW, lambda done, total: told.append((done, total)))

    assert told == [(i + 1, 12) for i in range(12)]
    for one, pair in zip(samples, loaded, strict=True):
        np.testing.assert_array_equal(pair.mask, load_pair(one, VIEW).mask)


def test_photos_are_decoded_once_and_never_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    samples = [sample(tmp_path, f"{i}", disc((32, 32), i, (64, 64))) for i in range(3)]
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
    samples = [sample(tmp_path, name, disc((32, 32), 9, (64, 64))) for name in "abcd"]
    samples[0].photo.write_bytes(b"")
    Image.new("1", (64, 48)).save(samples[2].mask)
    samples[3].mask.write_bytes(b"no picture")

    with pytest.raises(InputError) as caught:
        load_pairs(samples, VIEW, ignore)

    assert str(caught.value).splitlines() == [
        f"{tmp_path}/a.bmp is not an image: the file is empty; get it again",
        f"{tmp_path}/c.bmp is 64 x 64, its mask 48 x 64",
        f"{tmp_path}/d.png is not an image: none of JPEG, PNG, TIFF, WebP, BMP, GIF, AVIF and HEIC",
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
    full = disc((500.3, 1400.7), 300.0, (1280, 1918)).astype(np.uint8) * 255
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

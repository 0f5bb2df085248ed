from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from coarse.enet import ENet
from data.errors import InputError
from data.geometry import Fovea, Size, working_size
from data.images import read_photo
from data.masks import read_mask, write_mask
from data.patch_cache import patch_store
from data.patch_cache.patch_store import BEYOND, RINGS, Origin, Patches
from data.patch_cache.patch_writer import PatchWriter
from data.pyramid import to_working_size
from data.samples import Sample
from pipeline.config import Config, DataConfig, TilesConfig
from pipeline.evaluation.metrics import Overlap
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from pipeline.training.patch_extraction import photo_patches, write_patches
from refine.fovea import join_rings

CPU = torch.device("cpu")
LONG_SIDE = 128


def sample_of(folder: Path, height: int, width: int, seed: int = 0) -> Sample:
    """A photo of smooth shades with some detail; its mask is an ellipse with a ragged edge."""
    random = np.random.default_rng(seed)
    shades = random.integers(0, 256, (3, 4, 3), dtype=np.uint8)
    photo = cv2.resize(shades, (width, height)).reshape(height, width, 3)
    photo = np.clip(photo + random.integers(-20, 21, photo.shape), 0, 255).astype(np.uint8)
    rows, columns = np.mgrid[:height, :width]
    radius = np.hypot((rows + 0.5) / height - 0.5, (columns + 0.5) / width - 0.5)
    mask = radius + random.uniform(-0.05, 0.05, radius.shape) < 0.4
    name = f"{height}x{width}-{seed}"
    sample = Sample(name, folder / f"{name}.png", folder / f"{name}_mask.png", name, folder)
    Image.fromarray(photo).save(sample.photo)
    write_mask(sample.mask, mask)
    return sample


def segmenter_of(fovea: Fovea, *, low: float = 0.05, high: float = 0.95) -> Segmenter:
    """A seeded, untrained coarse network that is unsure here and there."""
    torch.manual_seed(3)
    coarse = ENet()
    nn.init.normal_(coarse.head.weight, std=2)
    return Segmenter.from_model(Model(coarse, None, fovea, low, high, LONG_SIDE), CPU, "fp32")


def slow_targets(
    truth: NDArray[np.bool_], tiles: NDArray[np.int32], side: int
) -> NDArray[np.uint8]:
    """The target of each tile, pixel by pixel."""
    height, width = truth.shape
    targets = np.empty((len(tiles), side, side), np.uint8)
    for target, (_, row, column) in zip(targets, tiles, strict=True):
        for i in range(side):
            for j in range(side):
                y, x = row * side + i, column * side + j
                target[i, j] = truth[y, x] if y < height and x < width else BEYOND
    return targets


def slow_counts(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.array([(predicted & truth).sum(), predicted.sum(), truth.sum()])


def counts_of(found: Overlap) -> NDArray[np.int64]:
    return np.array([found.intersection, found.predicted, found.truth])


SIZES = [
    pytest.param((96, 128), id="whole tiles"),
    pytest.param((97, 125), id="padded"),
    pytest.param((50, 120), id="wide"),
    pytest.param((128, 33), id="tall"),
    pytest.param((1, 127), id="a line"),
    pytest.param((211, 333), id="made smaller"),
    pytest.param((31, 41), id="made larger"),
    pytest.param((400, 3), id="a strip made smaller"),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fovea", [Fovea(8, 2), Fovea(16, 3), Fovea(32, 1)], ids=str)
def test_patches_are_what_a_slow_twin_makes(tmp_path: Path, size: tuple[int, int], fovea: Fovea):
    sample = sample_of(tmp_path, *size)
    segmenter = segmenter_of(fovea)

    patches, outside = photo_patches(4, sample, segmenter, budget=10**6)

    proposal = segmenter.propose([read_photo(sample.photo)])
    grey = read_mask(sample.mask).astype(np.uint8) * 255
    if proposal.working != size:
        smaller = proposal.working.area < size[0] * size[1]
        how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        grey = cv2.resize(grey, proposal.working[::-1], interpolation=how).astype(np.uint8)
    truth = grey >= 128
    assert len(patches["tile"])
    assert patches["tile"].dtype == np.int32
    np.testing.assert_array_equal(patches["tile"][:, 0], 4)
    np.testing.assert_array_equal(patches["tile"][:, 1:], proposal.tiles[:, 1:])
    targets = slow_targets(truth, patches["tile"], fovea.tile)
    np.testing.assert_array_equal(patches["target"], targets)
    parts = [torch.from_numpy(patches[name]) for name in ["full", *RINGS[: fovea.levels - 1]]]
    for found, window in zip(join_rings(parts, fovea), proposal.windows, strict=True):
        assert torch.equal(found, window)
    assert {name: rows.shape[1:] for name, rows in patches.items()} == patch_store.array_shapes(
        fovea
    )

    height, width = proposal.working
    coarse = proposal.upsampled[0, :height, :width].numpy() > 0
    inside = np.zeros(3, np.int64)
    for (_, row, column), target in zip(patches["tile"], targets, strict=True):
        rows = slice(row * fovea.tile, (row + 1) * fovea.tile)
        columns = slice(column * fovea.tile, (column + 1) * fovea.tile)
        predicted = coarse[rows, columns]
        inside += slow_counts(predicted, target[: len(predicted), : predicted.shape[1]] == 1)
    np.testing.assert_array_equal(counts_of(outside) + inside, slow_counts(coarse, truth))


def test_a_photo_without_an_uncertain_tile_counts_as_a_whole(tmp_path: Path):
    sample = sample_of(tmp_path, 97, 125)
    segmenter = segmenter_of(Fovea(), low=0.5, high=0.5 + 1e-7)

    patches, outside = photo_patches(0, sample, segmenter, budget=1024)

    coarse = segmenter.predict(read_photo(sample.photo), MaskOptions(stage="coarse")).mask
    assert patches["tile"].shape == (0, 3)
    assert patches["target"].shape == (0, 16, 16)
    np.testing.assert_array_equal(counts_of(outside), slow_counts(coarse, read_mask(sample.mask)))


def test_a_budget_takes_the_most_uncertain_tiles(tmp_path: Path):
    sample = sample_of(tmp_path, 97, 125)
    segmenter = segmenter_of(Fovea(8, 2))
    photo = read_photo(sample.photo)

    few, outside = photo_patches(0, sample, segmenter, budget=5)
    every, _ = photo_patches(0, sample, segmenter, budget=10**6)

    assert len(few["tile"]) == len(few["full"]) == 5 < len(every["tile"])
    np.testing.assert_array_equal(few["tile"][:, 1:], segmenter.propose([photo], 5).tiles[:, 1:])
    inside = np.zeros((97, 125), np.bool_)
    for _, row, column in few["tile"]:
        inside[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = True
    coarse = segmenter.predict(photo, MaskOptions(stage="coarse")).mask
    truth = read_mask(sample.mask)
    np.testing.assert_array_equal(
        counts_of(outside), slow_counts(coarse & ~inside, truth & ~inside)
    )


def test_a_mask_that_is_damaged_is_named(tmp_path: Path):
    sample = sample_of(tmp_path, 40, 60)
    sample.mask.write_bytes(sample.mask.read_bytes()[:60])

    with pytest.raises(InputError, match=sample.mask.name):
        photo_patches(0, sample, segmenter_of(Fovea()), budget=9)


SIDES = st.integers(1, 4000)


@given(SIDES, SIDES, st.integers(64, 16384))
def test_a_resampled_photo_has_just_the_long_side(height: int, width: int, long_side: int):
    size = Size(height, width)

    working = working_size(size, long_side)

    assert working == size or max(working) == long_side


@given(st.integers(1, 300), st.integers(1, 300), st.integers(64, 400))
def test_a_mask_goes_the_way_of_its_photo(height: int, width: int, long_side: int):
    photo = np.zeros((height, width, 3), np.uint8)
    mask = np.zeros((height, width), np.uint8)

    assert (
        to_working_size(mask, long_side).shape
        == to_working_size(photo, long_side).shape[:2]
        == working_size(Size(height, width), long_side)
    )


# Writing.

ORIGIN = Origin(photos="aa", coarse="bb", settings={})
CONFIG = Config(
    data=DataConfig(long_side=LONG_SIDE),
    tiles=TilesConfig(side=8, levels=2, max_patches_per_photo=20),
)


@pytest.fixture
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_store, "CHUNK", 4)
    monkeypatch.setattr(patch_store, "SHARD", 8)


def writer_of(path: Path, samples: list[Sample]) -> PatchWriter:
    names = [sample.name for sample in samples]
    return PatchWriter(path, Fovea(8, 2), ORIGIN, names, num_training=min(2, len(names)))


def written(path: Path) -> Patches:
    group = patch_store.open_store(path, Fovea(8, 2), ORIGIN.coarse, ORIGIN.settings)
    return {name: array[:] for name, array in patch_store.stored_arrays(group, path).items()}


@pytest.mark.usefixtures("_small_shards")
def test_photos_are_written_in_order_with_what_is_outside(tmp_path: Path):
    samples = [sample_of(tmp_path, 60, 100 + i, seed=i) for i in range(3)]
    segmenter = segmenter_of(Fovea(8, 2))

    write_patches(
        writer_of(tmp_path / "p.zarr", samples), samples, [segmenter] * len(samples), CONFIG
    )

    found = written(tmp_path / "p.zarr")
    results = [photo_patches(i, sample, segmenter, 20) for i, sample in enumerate(samples)]
    for name in patch_store.array_shapes(Fovea(8, 2)):
        np.testing.assert_array_equal(
            found[name], np.concatenate([patches[name] for patches, _ in results])
        )
    np.testing.assert_array_equal(found["outside"], [counts_of(o) for _, o in results])
    assert np.bincount(found["tile"][:, 0]).tolist() == [20, 20, 20]


@pytest.mark.usefixtures("_small_shards")
def test_photos_without_a_patch_are_written(tmp_path: Path):
    samples = [sample_of(tmp_path, 60, 100)]
    sure = segmenter_of(Fovea(8, 2), low=0.5, high=0.5 + 1e-7)

    write_patches(writer_of(tmp_path / "p.zarr", samples), samples, [sure] * len(samples), CONFIG)

    found = written(tmp_path / "p.zarr")
    assert found["full"].shape == (0, 8, 8, 4)
    assert found["outside"].sum() > 0


@pytest.mark.parametrize(
    ("low", "high", "budget", "warned"),
    [
        pytest.param(0.0, 1.0, 10**6, True, id="unsure of all tiles"),
        pytest.param(0.0, 1.0, 3, True, id="of as many as become patches"),
        pytest.param(0.5, 0.5 + 1e-7, 10**6, False, id="of none"),
    ],
)
def test_who_trains_a_refiner_on_an_unsure_network_is_told(
    tmp_path: Path,
    low: float,
    high: float,
    budget: int,
    warned: bool,
    caplog: pytest.LogCaptureFixture,
):
    samples = [sample_of(tmp_path, 60, 100 + i, seed=i) for i in range(3)]
    config = replace(CONFIG, tiles=replace(CONFIG.tiles, max_patches_per_photo=budget))
    unsure = segmenter_of(Fovea(8, 2), low=0.0, high=1.0)
    asked = segmenter_of(Fovea(8, 2), low=low, high=high)

    writer = writer_of(tmp_path / "p.zarr", samples)
    write_patches(writer, samples, [unsure, unsure, asked], config)

    assert ("in 1 of 1 validation photos" in caplog.text) == warned


@pytest.mark.usefixtures("_small_shards")
def test_writing_goes_on_in_the_middle_of_a_photo_as_if_never_stopped(tmp_path: Path):
    samples = [sample_of(tmp_path, 60, 100 + i, seed=i) for i in range(3)]
    segmenter = segmenter_of(Fovea(8, 2))
    write_patches(
        writer_of(tmp_path / "whole.zarr", samples), samples, [segmenter] * len(samples), CONFIG
    )
    begin(writer_of(tmp_path / "p.zarr", samples), samples, segmenter)

    write_patches(
        writer_of(tmp_path / "p.zarr", samples), samples, [segmenter] * len(samples), CONFIG
    )

    whole = written(tmp_path / "whole.zarr")
    for name, rows in written(tmp_path / "p.zarr").items():
        np.testing.assert_array_equal(rows, whole[name])


@pytest.mark.usefixtures("_small_shards")
def test_writing_does_not_go_on_with_a_network_that_finds_other_tiles(tmp_path: Path):
    samples = [sample_of(tmp_path, 60, 100 + i, seed=i) for i in range(3)]
    segmenter = segmenter_of(Fovea(8, 2))
    begin(writer_of(tmp_path / "p.zarr", samples), samples, segmenter)
    # As of a device that rounds otherwise, but for the amount.
    with torch.no_grad():
        segmenter.model.coarse.get_parameter("head.weight").mul_(-0.3)
    other = Segmenter.from_model(segmenter.model, CPU, "fp32")

    with pytest.raises(
        InputError, match="begun with other tiles, perhaps on another device; delete"
    ):
        write_patches(
            writer_of(tmp_path / "p.zarr", samples), samples, [other] * len(samples), CONFIG
        )
    assert not (tmp_path / "p.zarr").exists()


def begin(writer: PatchWriter, samples: list[Sample], segmenter: Segmenter) -> None:
    """Write the first two photos as far as whole shards go, and stop."""
    for i in range(2):
        patches, outside = photo_patches(
            i, samples[i], segmenter, CONFIG.tiles.max_patches_per_photo
        )
        writer.outside[i] = counts_of(outside)
        writer.append(patches)
    assert writer.last_photo() == (1, 20)

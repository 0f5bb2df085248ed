import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.errors import InputError
from data.geometry import Fovea, Size, working_size
from data.images import read_photo
from data.masks import read_mask
from data.patch_cache import patch_store
from data.patch_cache.patch_store import BEYOND, RINGS
from data.pyramid import to_working_size
from pipeline.inference.mask_options import MaskOptions
from pipeline.training.patch_extraction import photo_patches
from refine.fovea import join_rings
from tests.builders import ellipse_sample, unsure_segmenter
from tests.patch_builders import counts_of


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
    sample = ellipse_sample(tmp_path, size)
    segmenter = unsure_segmenter(fovea=fovea)

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
    sample = ellipse_sample(tmp_path, (97, 125))
    segmenter = unsure_segmenter(fovea=Fovea(), low=0.5, high=0.5 + 1e-7)

    patches, outside = photo_patches(0, sample, segmenter, budget=1024)

    coarse = segmenter.predict(read_photo(sample.photo), MaskOptions(stage="coarse")).mask
    assert patches["tile"].shape == (0, 3)
    assert patches["target"].shape == (0, 16, 16)
    np.testing.assert_array_equal(counts_of(outside), slow_counts(coarse, read_mask(sample.mask)))


def test_a_budget_takes_the_most_uncertain_tiles(tmp_path: Path):
    sample = ellipse_sample(tmp_path, (97, 125))
    segmenter = unsure_segmenter(fovea=Fovea(8, 2))
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
    sample = ellipse_sample(tmp_path, (40, 60))
    sample.mask.write_bytes(sample.mask.read_bytes()[:60])

    with pytest.raises(InputError, match=re.escape(str(sample.mask))):
        photo_patches(0, sample, unsure_segmenter(fovea=Fovea()), budget=9)


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

"""Given masks through the second stage: what changes, and what must not."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.mask_errors import cornered, grown, shifted, with_disc
from data.tile_grid import tile_mask
from pipeline.evaluation.metrics import overlap
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.mask_refining import (
    MaskedPhoto,
    RefiningOptions,
    refine_batch,
    refine_mask,
)
from refine.distance import signed_distance
from refine.matte.coverage import contour_alpha
from refine.uncertain_band import HALF, fitted
from tests.bright_objects import SIZE, bright_segmenter, object_in, photo_of
from tests.builders import unsure_segmenter
from tests.refine.matte.shapes import disc_field, true_coverage

UNGUARDED = RefiningOptions(guard=False)


@pytest.mark.parametrize("rows", [-6, 0, 5])
@pytest.mark.parametrize("columns", [-4, 7])
def test_a_shifted_mask_is_put_right(rows: int, columns: int):
    truth = object_in()

    result = refine_mask(bright_segmenter(), photo_of(truth), shifted(truth, rows, columns))

    np.testing.assert_array_equal(result.mask, truth)
    assert result.kept == 0


@pytest.mark.parametrize("smoothly", [False, True])
@pytest.mark.parametrize(
    "size", [Size(48, 64), Size(96, 128), Size(96, 96), Size(64, 64), Size(384, 512)], ids=str
)
def test_a_mask_of_another_size_is_put_right(size: Size, smoothly: bool):
    truth = object_in()
    how = cv2.INTER_AREA if smoothly else cv2.INTER_NEAREST
    mask = cv2.resize(truth * np.uint8(255), size[::-1], interpolation=how)

    result = refine_mask(bright_segmenter(), photo_of(truth), mask, refining=UNGUARDED)

    np.testing.assert_array_equal(result.mask, truth)


def test_a_soft_mask_is_put_right():
    truth = object_in()
    soft = cv2.GaussianBlur(shifted(truth, 3, 3) * np.uint8(255), (0, 0), 6)

    refined = refine_mask(
        bright_segmenter(), photo_of(truth), soft, refining=RefiningOptions(guard=False)
    )
    guarded = refine_mask(bright_segmenter(), photo_of(truth), soft)

    np.testing.assert_array_equal(refined.mask, truth)
    # With the guard no place moves much farther than the rest: sharp corners stay a little round.
    distance = np.abs(signed_distance(soft >= 128))
    differs = guarded.mask != truth
    assert differs.sum() < 0.02 * ((soft >= 128) != truth).sum()
    assert distance[differs].min(initial=99) > np.percentile(
        distance[guarded.mask != (soft >= 128)], 90
    )


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 10**6), guard=st.booleans())
def test_an_exact_mask_stays_as_it_is(seed: int, guard: bool):
    truth = object_in(seed=seed)

    result = refine_mask(
        bright_segmenter(), photo_of(truth), truth, refining=RefiningOptions(guard=guard)
    )

    np.testing.assert_array_equal(result.mask, truth)


@pytest.mark.parametrize("levels", [1, 255])
def test_a_mask_that_is_kept_has_no_stairs_in_its_alpha(levels: int):
    truth = true_coverage(disc_field(31.3, 30.6, 20.2))
    given = (np.round(truth * levels) * (255 / levels)).astype(np.uint8)
    photo = np.full((*given.shape, 3), 90, np.uint8)

    result = refine_mask(unsure_segmenter(long_side=64), photo, given, MaskOptions(stage="coarse"))

    np.testing.assert_array_equal(result.mask, given >= HALF)
    alpha, stairs = contour_alpha(result.mask, result.logits), result.mask.astype(np.float32)
    assert np.abs(alpha - truth).mean() < 0.5 * np.abs(stairs - truth).mean()


@pytest.mark.parametrize("size", [SIZE, Size(95, 127), Size(384, 512)], ids=str)
@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 10**6), band=st.floats(0.5, 30), guard=st.booleans())
def test_nothing_outside_the_band_changes(size: Size, seed: int, band: float, guard: bool):
    random = np.random.default_rng(seed)
    mask = cornered(object_in(size, seed), random.uniform(0, 6))
    photo = random.integers(0, 256, (*size, 3), np.uint8)
    refining = RefiningOptions(band=band, guard=guard)

    result = refine_mask(unsure_segmenter(long_side=256), photo, mask, refining=refining)

    blur = 0 if size == SIZE else 4  # the mask is resampled to the working size
    far = np.abs(signed_distance(mask)) >= band + blur
    np.testing.assert_array_equal(result.mask[far], mask[far])
    assert ((result.logits > 0) == result.mask).all()


def test_outside_the_tiles_nothing_changes_though_no_band_is_given():
    random, truth = np.random.default_rng(0), object_in()
    photo = random.integers(0, 256, (*SIZE, 3), np.uint8)
    refining = RefiningOptions(guard=False, max_passes=1)

    result = refine_mask(unsure_segmenter(long_side=256), photo, truth, refining=refining)

    tiles = tile_mask(result.tiles, Size(192, 256), 16)
    assert (result.mask != truth).any()
    np.testing.assert_array_equal(result.mask[~tiles], truth[~tiles])


@pytest.mark.parametrize("pixels", [24, 40])
def test_a_contour_that_is_far_off_is_followed_in_several_passes(pixels: int):
    truth = object_in(Size(384, 512))
    mask = shifted(truth, 0, pixels)
    segmenter = bright_segmenter(512)

    once = refine_mask(segmenter, photo_of(truth), mask, refining=RefiningOptions(max_passes=1))
    often = refine_mask(segmenter, photo_of(truth), mask)

    assert overlap(once.mask, truth).dice < 0.99
    np.testing.assert_array_equal(often.mask, truth)


def test_of_a_wider_band_more_changes():
    truth, segmenter = object_in(), unsure_segmenter(long_side=256)
    photo = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)

    narrow, wide = (
        refine_mask(segmenter, photo, truth, refining=RefiningOptions(band=band, guard=False))
        for band in (2, 30)
    )

    assert len(narrow.proposal.tiles) < len(wide.proposal.tiles)
    assert set(map(tuple, narrow.tiles)) < set(map(tuple, wide.tiles))


def test_a_photo_of_another_size_than_the_working_size_is_refined():
    truth = object_in(Size(480, 640))

    result = refine_mask(bright_segmenter(256), photo_of(truth), shifted(truth, 8, 8))

    assert result.mask.shape == truth.shape
    assert overlap(result.mask, truth).dice > 0.995 > overlap(shifted(truth, 8, 8), truth).dice


def test_a_hole_alone_is_filled_and_the_rest_stays():
    truth = object_in()
    mask = with_disc(truth, (96, 128), 12, inside=False)

    result = refine_mask(bright_segmenter(), photo_of(truth), mask)

    np.testing.assert_array_equal(result.mask, truth)


def test_without_a_second_stage_the_mask_is_the_given_one():
    truth = object_in()
    mask = grown(truth, 3)

    result = refine_mask(bright_segmenter(), photo_of(truth), mask, MaskOptions(stage="coarse"))

    np.testing.assert_array_equal(result.mask, mask)


def test_a_budget_limits_the_tiles():
    truth = object_in()

    result = refine_mask(bright_segmenter(), photo_of(truth), truth, MaskOptions(budget=5))

    assert len(result.tiles) == 5


def test_photos_of_a_batch_are_refined_as_each_alone():
    segmenter, photos = bright_segmenter(), []
    for seed in range(3):
        truth = object_in(seed=seed)
        photos.append(MaskedPhoto(photo_of(truth), grown(truth, seed) * np.uint8(255)))

    together = refine_batch(segmenter, photos)

    for photo, result in zip(photos, together, strict=True):
        alone = refine_mask(segmenter, photo.photo, photo.mask)
        np.testing.assert_array_equal(result.mask, alone.mask)
        assert torch.equal(result.on_device, alone.on_device)


@pytest.mark.parametrize("value", [False, True])
def test_a_mask_without_a_contour_stays_as_it_is(value: bool):
    mask: Mask = np.full(SIZE, value)

    result = refine_mask(bright_segmenter(), photo_of(object_in()), mask)

    np.testing.assert_array_equal(result.mask, mask)
    assert not len(result.tiles)


@pytest.mark.parametrize("size", [Size(256, 192), Size(100, 256), Size(192, 250)], ids=str)
def test_a_mask_of_another_aspect_is_refused_unless_it_is_to_be_stretched(size: Size):
    truth = object_in()
    mask = fitted(truth * np.uint8(255), size)

    with pytest.raises(InputError, match=f"{size.height} x {size.width}.* another aspect"):
        refine_mask(bright_segmenter(), photo_of(truth), mask)

    stretched = RefiningOptions(stretch=True, guard=False)
    result = refine_mask(bright_segmenter(), photo_of(truth), mask, refining=stretched)
    np.testing.assert_array_equal(result.mask, truth)


@given(
    st.integers(1, 4000),
    st.integers(1, 4000),
    st.floats(0.02, 3),
    st.sampled_from(["floor", "ceil"]),
)
def test_rounding_the_sides_of_a_smaller_mask_is_no_other_aspect(
    height: int, width: int, scale: float, rounding: str
):
    from pipeline.inference.mask_refining import check_aspect

    sides = (max(1, int(getattr(np, rounding)(side * scale))) for side in (height, width))

    check_aspect(Size(height, width), Size(*sides))


@pytest.mark.parametrize("band", [0, -1, float("nan"), float("inf")])
def test_a_band_is_a_distance(band: float):
    with pytest.raises(ValueError, match="band"):
        RefiningOptions(band=band)


@pytest.mark.parametrize(
    "mask",
    [np.zeros((*SIZE, 3), np.uint8), np.zeros(SIZE, np.float32), np.zeros((0, 4), np.uint8)],
    ids=["channels", "floats", "empty"],
)
def test_what_is_no_mask_is_a_wrong_call(mask: Mask):
    with pytest.raises(ValueError, match="a mask is"):
        refine_mask(bright_segmenter(), photo_of(object_in()), mask)


def test_given_values_of_a_half_are_object():
    grey = np.full(SIZE, 0, np.uint8)
    grey[:, :128], grey[:, 100:128] = 255, HALF

    result = refine_mask(bright_segmenter(), photo_of(grey > 0), grey, MaskOptions(stage="coarse"))

    np.testing.assert_array_equal(result.mask, grey >= HALF)

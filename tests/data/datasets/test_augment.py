from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.arrays import Pixels
from data.datasets.augment import NO_AUGMENTATION, Augmentation
from data.images import LUMA

SIZES = st.tuples(st.integers(1, 60), st.integers(1, 60))
SEEDS = st.integers(0, 2**32 - 1)

WARPS = Augmentation(brightness=0, contrast=0, saturation=0, tint=0)
COLOURS = Augmentation(flip=0, shift=0, scale=0)


def pair(size: tuple[int, int], seed: int = 0) -> tuple[Pixels, Pixels]:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (*size, 3), np.uint8), random.integers(0, 256, size, np.uint8)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(SIZES, SEEDS)
def test_zero_everywhere_changes_nothing(size: tuple[int, int], seed: int):
    photo, mask = pair(size, seed)

    changed = NO_AUGMENTATION(photo, mask, rng(seed))

    np.testing.assert_array_equal(changed[0], photo)
    np.testing.assert_array_equal(changed[1], mask)


@given(SIZES, SEEDS)
def test_a_flip_alone_is_the_mirror_image(size: tuple[int, int], seed: int):
    photo, mask = pair(size, seed)

    changed = replace(NO_AUGMENTATION, flip=1)(photo, mask, rng(seed))

    # Exactly: half a pixel off would blur every edge that is learnt from.
    np.testing.assert_array_equal(changed[0], photo[:, ::-1])
    np.testing.assert_array_equal(changed[1], mask[:, ::-1])


def test_one_in_two_photos_is_flipped():
    photo, mask = pair((4, 6))
    augmentation = replace(NO_AUGMENTATION, flip=0.5)

    flipped = [(augmentation(photo, mask, rng(i))[1] == mask[:, ::-1]).all() for i in range(400)]

    assert 150 < sum(flipped) < 250


@given(SIZES, SEEDS)
def test_photo_and_mask_move_together(size: tuple[int, int], seed: int):
    mask = pair(size, seed)[1]
    photo = np.repeat(mask[..., None], 3, axis=2)

    moved_photo, moved_mask = WARPS(photo, mask, rng(seed))

    for channel in range(3):
        np.testing.assert_array_equal(moved_photo[..., channel], moved_mask)


@given(SEEDS)
def test_the_pair_moves_the_way_the_matrix_says(seed: int):
    height, width = 90, 120
    rows, columns = np.mgrid[:height, :width]
    blob = 255 * np.exp(-((rows - 40) ** 2 + (columns - 70) ** 2) / (2 * 6**2))
    mask = blob.round().astype(np.uint8)
    photo = np.repeat(mask[..., None], 3, axis=2)

    moved = WARPS(photo, mask, rng(seed))[1].astype(float)

    expected = WARPS.draw_warp(height, width, rng(seed)) @ (70, 40, 1)
    found = (moved * columns).sum() / moved.sum(), (moved * rows).sum() / moved.sum()
    np.testing.assert_allclose(found, expected, atol=0.1)


@given(SIZES, SEEDS)
def test_colour_never_touches_the_mask(size: tuple[int, int], seed: int):
    photo, mask = pair(size, seed)

    changed = COLOURS(photo, mask, rng(seed))

    np.testing.assert_array_equal(changed[1], mask)
    assert changed[0].shape == photo.shape


@given(SEEDS)
def test_colour_is_the_matrix_rounded_and_clipped(seed: int):
    photo, mask = pair((9, 11), seed)
    matrix = COLOURS.draw_colour(after_warp(seed)).astype(float)

    changed = COLOURS(photo, mask, rng(seed))[0]

    expected = (photo @ matrix[:, :3].T + matrix[:, 3]).clip(0, 255)
    np.testing.assert_allclose(changed, expected, atol=1)


def after_warp(seed: int) -> np.random.Generator:
    random = rng(seed)
    COLOURS.draw_warp(9, 11, random)
    return random


@given(st.integers(1, 3000), st.integers(1, 3000), SEEDS)
def test_warps_stay_within_their_range(height: int, width: int, seed: int):
    augmentation = Augmentation(flip=0.5, shift=0.1, scale=0.25)

    matrix = augmentation.draw_warp(height, width, rng(seed))

    assert matrix[0, 1] == matrix[1, 0] == 0
    assert abs(matrix[0, 0]) == matrix[1, 1]
    assert 1 / 1.25 <= matrix[1, 1] <= 1.25
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    moved = matrix @ (*middle, 1) - middle
    assert (np.abs(moved) <= 0.1 * np.array([width, height]) + 1e-6).all()


@given(SEEDS)
def test_colours_stay_within_their_range(seed: int):
    augmentation = Augmentation(brightness=0.1, contrast=0.2, saturation=0.3, tint=0.05)

    matrix = augmentation.draw_colour(rng(seed)).astype(float)

    # A grey stays grey but for contrast, brightness and tint: saturation leaves it alone.
    on_grey = matrix[:, :3].sum(axis=1)
    assert (on_grey >= 0.8 * 0.95 - 1e-6).all()
    assert (on_grey <= 1.2 * 1.05 + 1e-6).all()
    assert np.ptp(matrix[:, 3]) == 0
    assert abs(matrix[0, 3]) <= 0.1 * 255 + 0.2 * 127.5 + 1e-4
    without_tint = replace(augmentation, tint=0).draw_colour(rng(seed)).astype(float)
    contrast = without_tint[0, :3].sum()
    saturation = (without_tint[:, :3].trace() / contrast - 1) / 2
    assert 0.8 - 1e-6 <= contrast <= 1.2 + 1e-6
    assert 0.7 - 1e-6 <= saturation <= 1.3 + 1e-6


def test_brightness_is_kept_by_saturation():
    augmentation = replace(NO_AUGMENTATION, saturation=0.5)

    matrix = augmentation.draw_colour(rng()).astype(float)

    np.testing.assert_allclose(LUMA @ matrix[:, :3], LUMA, atol=1e-6)
    assert matrix[:, 3].tolist() == [0, 0, 0]


@given(SEEDS)
def test_contrast_turns_about_the_middle_of_the_range(seed: int):
    matrix = replace(NO_AUGMENTATION, contrast=0.5).draw_colour(rng(seed)).astype(float)

    np.testing.assert_allclose(matrix @ (127.5, 127.5, 127.5, 1), 127.5, atol=1e-4)


@settings(max_examples=20)
@given(SIZES, SEEDS)
def test_the_same_randomness_gives_the_same(size: tuple[int, int], seed: int):
    photo, mask = pair(size, seed)
    before = photo.copy(), mask.copy()

    one, other = (Augmentation()(photo, mask, rng(seed)) for _ in range(2))

    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    np.testing.assert_array_equal(photo, before[0])  # and what went in is left as it was
    np.testing.assert_array_equal(mask, before[1])


@pytest.mark.parametrize("name", [field.name for field in fields(Augmentation)])
def test_each_setting_changes_something(name: str):
    photo, mask = pair((40, 60))
    augmentation = replace(NO_AUGMENTATION, **{name: 0.9})

    changed = [augmentation(photo, mask, rng(i))[0] for i in range(3)]

    assert any((x != photo).any() for x in changed)


def test_what_leaves_the_photo_is_replaced_by_its_edge():
    photo, mask = np.full((20, 30, 3), 77, np.uint8), np.full((20, 30), 255, np.uint8)

    moved = replace(WARPS, shift=0.5)(photo, mask, rng(1))

    assert (moved[0] == 77).all()
    assert (moved[1] == 255).all()


@pytest.mark.parametrize("colour", [(200, 100, 50), (50, 100, 200), (200, 50, 150)])
def test_hue_saturation_and_value_shift_within_their_limits(colour: tuple[int, int, int]):
    photo = np.full((4, 4, 3), colour, np.uint8)
    change = Augmentation(
        flip=0, shift=0, scale=0, brightness=0, contrast=0, saturation=0, tint=0,
        hue=50, hsv_saturation=5, hsv_value=15,
    )  # fmt: skip
    before = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV)[0, 0].astype(int)
    seen = []

    for seed in range(200):
        changed, _ = change(photo, photo[..., 0], np.random.default_rng(seed))
        seen.append(cv2.cvtColor(changed, cv2.COLOR_RGB2HSV)[0, 0].astype(int) - before)

    hue, saturation, value = np.transpose(seen)
    turn = (hue + 90) % 180 - 90
    # Two conversions of colours in whole numbers are off by one or two steps.
    assert 40 < turn.max() <= 52
    assert -52 <= turn.min() < -40
    assert 2 < saturation.max() <= 8
    assert -8 <= saturation.min() < -2
    assert 10 < value.max() <= 16
    assert -16 <= value.min() < -10


def test_hue_of_grey_changes_nothing():
    grey = np.full((4, 4, 3), 90, np.uint8)
    change = replace(NO_AUGMENTATION, hue=90)

    changed, _ = change(grey, grey[..., 0], np.random.default_rng(0))

    np.testing.assert_array_equal(changed, grey)

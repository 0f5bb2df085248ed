"""Which tiles a trained model refines."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.images import read_photo
from data.masks import read_mask
from pipeline.evaluation.budget_curve import TileGains, dice_within
from pipeline.evaluation.metrics import Overlap, overlap
from pipeline.evaluation.tile_choice import (
    LARGEST,
    LOWS,
    SPARE,
    SUMMED,
    choose_tiles,
    mean_dice,
    measure_tiles,
    within,
)
from pipeline.inference.mask_options import MaskOptions
from tests.builders import ellipse_sample, unsure_segmenter

AREA = 100_000


def gains(tiles: list[tuple[float, int]]) -> TileGains:
    """A photo of 10 % wrong pixels; each tile has its largest uncertainty and pixels it mends."""
    largest = np.array([u for u, _ in tiles], np.float32)
    mended = np.array([pixels for _, pixels in tiles], np.int64)
    return TileGains(
        coarse=Overlap(AREA * 9 // 10, AREA * 9 // 10, AREA),
        intersection=mended,
        predicted=mended,
        orders={SUMMED: largest, LARGEST: largest, "true gain": mended.astype(np.float32)},
    )


TILES = st.lists(st.tuples(st.floats(0.051, 0.5), st.integers(0, 40)), max_size=200)


@given(st.lists(TILES, min_size=1, max_size=5))
def test_what_is_chosen_loses_next_to_nothing(photos: list[list[tuple[float, int]]]):
    found = [gains(tiles) for tiles in photos]

    chosen = choose_tiles(found, 0.05)

    best = max(mean_dice(within(found, low), None) for low in (0.05, *LOWS) if low >= 0.05)
    assert chosen.dice >= best - max(1e-5, 0.02 * (best - chosen.dice_of_coarse)) - 1e-12
    assert chosen.dice == pytest.approx(mean_dice(within(found, chosen.low), chosen.budget))
    assert 0.05 <= chosen.low <= 0.3
    assert chosen.budget >= 32


def test_tiles_that_gain_nothing_are_left_out():
    worth, useless = [(0.4, 30)] * 50, [(0.1, 0)] * 500

    chosen = choose_tiles([gains([*worth, *useless])], 0.05)

    assert chosen.low == 0.3
    assert chosen.tiles == 50
    assert chosen.dice == pytest.approx(chosen.dice_of_all)


def test_tiles_that_are_made_worse_are_left_out():
    chosen = choose_tiles([gains([*[(0.4, 30)] * 50, *[(0.15, -20)] * 100])], 0.05)

    assert chosen.dice > chosen.dice_of_all
    assert chosen.low >= 0.16


def test_a_photo_that_the_network_knows_nothing_of_gets_no_more_than_twice_what_was_enough():
    chosen = choose_tiles([gains([(0.4, 30)] * 100)], 0.05)

    assert chosen.budget == SPARE * 128


def test_gains_add_up_to_the_masks_at_working_size(tmp_path: Path):
    sample = ellipse_sample(tmp_path, (96, 128))
    segmenter = unsure_segmenter()
    photo, truth = read_photo(sample.photo), read_mask(sample.mask)

    (found,) = measure_tiles([sample], segmenter, lambda *_: None)

    assert len(found.predicted)
    for budget in (0, 3, 10**6):
        mask = segmenter(photo, MaskOptions(budget=budget))
        assert dice_within(found, budget, SUMMED) == pytest.approx(overlap(mask, truth).dice)


def test_photos_that_are_resampled_are_measured_at_working_size(tmp_path: Path):
    sample = ellipse_sample(tmp_path, (48, 64))

    (found,) = measure_tiles([sample], unsure_segmenter(), lambda *_: None)

    assert found.coarse.truth > 2 * 48 * 64 / 2

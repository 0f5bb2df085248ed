"""A mask with strokes: what changes, what does not, and what is there again after an undo."""

import numpy as np
import pytest
import torch

from data.arrays import Mask
from data.geometry import Size
from data.masks import encode_mask
from data.tile_grid import tile_mask, to_blocks
from pipeline.inference.segmenter import Segmenter
from pipeline.reviewing.correction import corrected
from pipeline.reviewing.first_mask import FirstMask, first_mask
from tests.bright_objects import bright_segmenter, object_in, photo_of
from tests.builders import disc
from tests.pipeline.reviewing.reviews import OPTIONS, PHOTO, heedful_segmenter, stroke

HEEDFUL = heedful_segmenter()
LINE = stroke((60, 40), (75, 50), is_object=False, radius=4)
CLICK = stroke((180, 150))


def first_of(segmenter: Segmenter = HEEDFUL, mask: Mask | None = None) -> FirstMask:
    given = None if mask is None else mask * np.uint8(255)
    return first_mask(segmenter, PHOTO, given, OPTIONS)


def inside_of(first: FirstMask, tiles: np.ndarray) -> Mask:
    return tile_mask(tiles, first.proposal.padded, first.tile)


@pytest.mark.parametrize("is_networks", [True, False])
def test_only_tiles_that_strokes_touch_change(is_networks: bool):
    first = first_of(mask=None if is_networks else disc((96, 128), 50, (192, 256)))

    result = corrected(HEEDFUL, first, [LINE, CLICK])

    inside = inside_of(first, result.tiles)
    changed = (result.stitched != first.stitched)[0].numpy()
    assert 0 < len(result.tiles) < inside.size // 256 // 2
    assert changed[inside].any()
    assert not changed[~inside].any()
    own = inside[:192, :256]
    assert torch.equal(result.logits()[~own], first.whole[~own])


def test_inside_of_them_it_is_what_a_whole_prediction_of_the_painted_mask_gives():
    first = first_of()
    painted = first.canvas.painted(first.proposal.coarse, [LINE])
    proposal = HEEDFUL.propose([PHOTO], coarse=painted)
    whole = HEEDFUL.stitch(proposal, HEEDFUL.refine(proposal))

    result = corrected(HEEDFUL, first, [LINE])

    free = to_blocks(first.canvas.labels([LINE]), 16)[tuple(result.tiles.T)] == 0
    refined_too = {tuple(tile) for tile in proposal.tiles[:, 1:].tolist()}
    both = [tuple(tile) in refined_too for tile in result.tiles.tolist()]
    assert sum(both) > 2
    expected = to_blocks(whole[0], 16)[tuple(result.tiles.T)][both]
    assert torch.allclose(result.refined[both][free[both]], expected[free[both]], atol=1e-3)


def test_tiles_whose_windows_show_a_stroke_are_refined_again():
    first = first_of()
    was_refined = {tuple(tile) for tile in first.proposal.tiles[:, 1:].tolist()}

    tiles = {tuple(tile) for tile in corrected(HEEDFUL, first, [CLICK]).tiles.tolist()}

    own = (150 // 16, 180 // 16)
    near = {
        (own[0] + row, own[1] + column) for row in range(-2, 3) for column in range(-2, 3)
    } & was_refined
    assert own in tiles
    assert near <= tiles
    assert all(abs(row - own[0]) <= 3 and abs(column - own[1]) <= 3 for row, column in tiles)


def test_under_a_stroke_the_mask_is_what_it_says():
    first = first_of(bright_segmenter())  # whose refiner does not heed the coarse mask
    strokes = [stroke((10, 10), (40, 20), radius=4), stroke((128, 96), is_object=False)]

    mask = corrected(bright_segmenter(), first, strokes).mask(bright_segmenter(), OPTIONS)

    labels = first.canvas.labels(strokes)[:192, :256]
    assert mask[labels == 1].all()
    assert not mask[labels == -1].any()
    assert np.array_equal(mask[labels == 0], object_in()[labels == 0])


@pytest.mark.parametrize("is_networks", [True, False])
def test_without_its_last_stroke_a_mask_has_the_same_bytes_as_before(is_networks: bool):
    first = first_of(mask=None if is_networks else disc((96, 128), 50, (192, 256)))
    strokes = [
        stroke((120, 110), is_object=False),
        CLICK,
        stroke((100, 90), (140, 95), is_object=False),
    ]
    before = [
        encode_mask(corrected(HEEDFUL, first, strokes[:num]).mask(HEEDFUL, OPTIONS))
        for num in range(4)
    ]

    again = first_of(mask=None if is_networks else disc((96, 128), 50, (192, 256)))
    after = [
        encode_mask(corrected(HEEDFUL, again, strokes[:num]).mask(HEEDFUL, OPTIONS))
        for num in (2, 1, 0)
    ]

    assert after == before[2::-1]
    assert len(set(before)) == 4


def test_a_mask_from_elsewhere_stays_as_it_is_without_strokes():
    mask = np.random.default_rng(0).random((192, 256)) < 0.5

    first = first_of(mask=mask)

    assert not first.is_networks
    assert np.array_equal(corrected(HEEDFUL, first).mask(HEEDFUL, OPTIONS), mask)


def test_a_mask_that_the_network_makes_is_told_from_others():
    made = HEEDFUL(PHOTO)
    other = made.copy()
    other[0, 0] ^= True

    assert first_of(mask=made).is_networks
    assert not first_of(mask=other).is_networks


def test_of_a_photo_of_another_size_only_what_lies_in_touched_tiles_changes():
    segmenter = heedful_segmenter(128)
    first = first_mask(segmenter, PHOTO, None, OPTIONS)
    assert first.proposal.size == Size(192, 256) != first.proposal.working

    result = corrected(segmenter, first, [LINE])

    inside = inside_of(first, result.tiles)[:96, :128].repeat(2, 0).repeat(2, 1)
    changed = (result.logits() != first.whole).numpy()
    assert changed[inside].any()
    assert not changed[~inside].any()
    mask = result.mask(segmenter, OPTIONS)
    assert mask.shape == (192, 256)
    assert not mask[40, 60]


def test_what_is_expected_is_what_the_prediction_expects():
    prediction = HEEDFUL.predict(PHOTO)

    assert corrected(HEEDFUL, first_of()).expected_dice == pytest.approx(
        prediction.predicted_dice, abs=1e-6
    )


def test_a_wrong_mask_is_expected_to_be_wrong_and_a_stroke_to_mend_it():
    segmenter, wrong = bright_segmenter(), object_in()
    wrong[90:100, 120:130] ^= True
    first = first_of(segmenter, wrong)

    before = corrected(segmenter, first).expected_dice
    after = corrected(segmenter, first, [stroke((121, 95), (129, 95), radius=5)]).expected_dice

    area = object_in().sum()
    assert before == pytest.approx(2 * (area - 100) / (2 * area - 100), abs=1e-4)
    assert after > before


def test_a_contour_is_moved_but_not_under_strokes():
    segmenter = heedful_segmenter()
    first = first_of(segmenter)
    line = stroke((60, 40), (75, 50), is_object=False, radius=4)

    wider = corrected(segmenter, first, [line], 1.0).mask(segmenter, OPTIONS)

    plain = corrected(segmenter, first, [line]).mask(segmenter, OPTIONS)
    under = first.canvas.labels([line])[:192, :256] != 0
    assert (wider | plain)[~under].sum() == wider[~under].sum() > plain[~under].sum()
    assert np.array_equal(wider[under], plain[under])


def test_a_model_without_a_refiner_takes_the_strokes_as_they_are():
    from dataclasses import replace

    segmenter = Segmenter.from_model(replace(HEEDFUL.model, refiner=None), HEEDFUL.device, "fp32")
    first = first_mask(segmenter, photo_of(object_in()), None, OPTIONS)

    mask = corrected(segmenter, first, [stroke((10, 10), (40, 20), radius=4)]).mask(
        segmenter, OPTIONS
    )

    assert mask[10:20, 10:12].any()
    assert mask[15, 25]

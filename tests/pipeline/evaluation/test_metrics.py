import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage, stats

from data.arrays import Mask
from pipeline.evaluation.metrics import (
    Overlap,
    boundary_error,
    boundary_iou,
    contour,
    distance_to_contour,
    overlap,
    rank_correlation,
)

CROSS = ndimage.generate_binary_structure(2, 1)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Mask, Mask]:
    """Two masks of one shape: noise with holes and islands, rectangles, whole photos, nothing."""
    shape = draw(array_shapes(min_dims=2, max_dims=2, max_side=12))
    corner = st.tuples(*(st.integers(0, side) for side in shape))
    noise = arrays(np.bool_, shape)
    rectangle = st.builds(lambda top_left, size: square(shape, *top_left, *size), corner, corner)
    mask = noise | rectangle
    return draw(mask), draw(mask)


def square(shape: tuple[int, ...], top: int, left: int, height: int, width: int) -> Mask:
    mask = np.zeros(shape, np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


def disc(radius: float, *, row: float = 150.0, column: float = 150.0, side: int = 300) -> Mask:
    rows, columns = np.ogrid[:side, :side]
    mask: Mask = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return mask


def outline_slowly(mask: Mask) -> list[tuple[int, int]]:
    height, width = mask.shape
    pixels = []
    for row, column in np.argwhere(mask).tolist():
        steps = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        if any(0 <= r < height and 0 <= c < width and not mask[r, c] for r, c in steps):
            pixels.append((row, column))
    return pixels


def boundary_error_slowly(one: Mask, other: Mask) -> float:
    """Measure every contour pixel against every other one."""
    if (one == other).all():
        return 0.0
    ours, theirs = outline_slowly(one), outline_slowly(other)
    if not ours or not theirs:
        return math.nan
    distances = [min(math.dist(p, q) for q in theirs) for p in ours]
    distances += [min(math.dist(p, q) for p in ours) for q in theirs]
    return sum(distances) / len(distances)


def rim_slowly(mask: Mask, distance: int) -> Mask:
    """Keep what is within `distance` of the outside, step by step, outside the photo included."""
    box = np.ones((3, 3))
    return mask & ~ndimage.binary_erosion(mask, box, iterations=distance, border_value=0)


@given(pairs())
def test_overlap_counts_pixels(masks: tuple[Mask, Mask]):
    predicted, truth = masks
    ours, theirs = ({*map(tuple, np.argwhere(mask).tolist())} for mask in masks)

    counts = overlap(predicted, truth)

    assert counts == Overlap(len(ours & theirs), len(ours), len(theirs))


@pytest.mark.parametrize(
    ("counts", "dice", "iou"),
    [
        (Overlap(0, 0, 0), 1, 1),
        (Overlap(0, 3, 0), 0, 0),
        (Overlap(0, 0, 3), 0, 0),
        (Overlap(4, 4, 4), 1, 1),
        (Overlap(3, 4, 8), 0.5, 1 / 3),
    ],
)
def test_known_ratios(counts: Overlap, dice: float, iou: float):
    assert counts.dice == dice
    assert counts.iou == iou


@pytest.mark.parametrize("counts", [(2, 1, 5), (2, 5, 1), (-1, 1, 1)])
def test_counts_that_no_masks_have_are_refused(counts: tuple[int, int, int]):
    with pytest.raises(ValueError, match="than they can"):
        Overlap(*counts)


@given(pairs())
def test_a_contour_is_made_of_pixels_with_a_neighbour_outside(masks: tuple[Mask, Mask]):
    mask = masks[0]

    assert sorted(map(tuple, np.argwhere(contour(mask)).tolist())) == outline_slowly(mask)
    box = ndimage.binary_erosion(mask, np.ones((3, 3)), border_value=1)
    np.testing.assert_array_equal(contour(mask, neighbours=8), mask & ~box)


def test_distances_are_those_to_the_edge_between_pixels():
    mask = np.zeros((9, 9), bool)
    mask[:, 4:] = True

    distances = distance_to_contour(mask)

    np.testing.assert_allclose(distances[4], [3.5, 2.5, 1.5, 0.5, 0.5, 1.5, 2.5, 3.5, 4.5])
    assert np.isinf(distance_to_contour(np.zeros((4, 4), bool))).all()


@given(pairs())
def test_boundary_error_is_that_of_measuring_all_pairs(masks: tuple[Mask, Mask]):
    expected = boundary_error_slowly(*masks)

    assert boundary_error(*masks) == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_boundary_error_is_exact_where_contours_are_far_apart():
    one, other = disc(60, row=100), square((300, 300), 20, 180, 31, 97)
    edges = [mask & ~ndimage.binary_erosion(mask, CROSS) for mask in (one, other)]
    to_one, to_other = (ndimage.distance_transform_edt(~edge) for edge in edges)
    expected = np.concatenate([to_other[edges[0]], to_one[edges[1]]]).mean()

    assert boundary_error(one, other) == pytest.approx(expected, rel=1e-5)


def test_a_square_moved_by_a_pixel_is_known():
    one, other = square((30, 30), 10, 10, 8, 8), square((30, 30), 10, 11, 8, 8)

    # 28 contour pixels each: the left and right columns (8) are off by 1 but for their ends,
    # where the other's top and bottom rows pass; the far ends stick out.
    assert boundary_error(one, other) == pytest.approx((6 + 6 + 2) / 28)
    # Rims of 48 pixels each share 7 of 8 columns in 4 rows, 2 of 4 columns in the 4 between.
    assert boundary_iou(one, other) == (4 * 7 + 4 * 2) / (2 * 48 - 36)
    assert overlap(one, other).dice == 56 / 64


@pytest.mark.parametrize("radius", [20, 60, 140])
def test_a_disc_a_pixel_too_large_is_off_by_a_pixel(radius: int):
    truth = disc(radius)

    assert boundary_error(disc(radius + 1), truth) == pytest.approx(1, abs=0.07)
    assert boundary_error(disc(radius - 1), truth) == pytest.approx(1, abs=0.07)


def test_a_thicker_object_is_off_by_as_much_at_the_border_of_the_photo():
    truth = square((60, 80), 20, 0, 60, 80)  # leaves the photo left, right and below

    for rows in (1, 2, 5):
        assert boundary_error(square((60, 80), 20 - rows, 0, 60, 80), truth) == rows


@given(pairs(), st.integers(1, 4))
def test_boundary_iou_is_that_of_eroding_step_by_step(masks: tuple[Mask, Mask], distance: int):
    one, other = (rim_slowly(mask, distance) for mask in masks)
    expected = (one & other).sum() / (one | other).sum() if (one | other).any() else 1

    assert boundary_iou(*masks, distance=distance) == expected


def test_boundary_iou_counts_the_border_of_the_photo_as_outside():
    whole, frame = np.ones((10, 20), np.bool_), np.ones((10, 20), np.bool_)
    frame[2:-2, 2:-2] = False

    assert boundary_iou(whole, frame, distance=2) == 1
    assert boundary_iou(whole, frame, distance=3) < 1


def test_boundary_iou_is_two_pixels_wide_unless_told():
    masks = disc(100), disc(101)

    scores = [boundary_iou(*masks, distance=distance) for distance in (1, 2, 3)]

    assert scores == sorted(set(scores))  # a wider rim forgives more
    assert boundary_iou(*masks) == scores[1]


@given(pairs())
def test_scores_do_not_depend_on_which_mask_is_which(masks: tuple[Mask, Mask]):
    one, other = masks

    assert overlap(one, other).dice == overlap(other, one).dice
    assert boundary_error(one, other) == pytest.approx(boundary_error(other, one), nan_ok=True)
    assert boundary_iou(one, other) == boundary_iou(other, one)


@given(pairs())
def test_scores_do_not_depend_on_layout_in_memory_and_masks_stay_as_they_were(
    masks: tuple[Mask, Mask],
):
    before = [mask.copy() for mask in masks]
    error, iou = boundary_error(*masks), boundary_iou(*masks)

    turned = [np.asfortranarray(mask)[::-1, ::-1] for mask in masks]
    assert boundary_error(*turned) == pytest.approx(error, nan_ok=True)
    assert boundary_iou(*turned) == iou
    np.testing.assert_array_equal(masks, before)


@given(pairs())
def test_a_mask_agrees_with_itself(masks: tuple[Mask, Mask]):
    mask = masks[0]

    assert overlap(mask, mask.copy()).dice == 1
    assert boundary_error(mask, mask.copy()) == 0
    assert boundary_iou(mask, mask.copy()) == 1


@pytest.mark.parametrize("without_contour", [np.zeros((9, 9), np.bool_), np.ones((9, 9), np.bool_)])
def test_there_is_no_distance_to_a_mask_without_contour(without_contour: Mask):
    mask = square((9, 9), 3, 3, 3, 3)

    assert math.isnan(boundary_error(mask, without_contour))
    assert math.isnan(boundary_error(without_contour, mask))
    assert math.isnan(boundary_error(without_contour, ~without_contour))


@pytest.mark.parametrize("score", [overlap, boundary_error, boundary_iou])
def test_masks_that_cannot_be_compared_are_refused(score: type):
    mask = np.ones((2, 3), np.bool_)

    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 1\) cannot be compared"):
        score(mask, mask[:, :1])
    with pytest.raises(ValueError, match=r"of bool, not \(2, 3\) of uint8"):
        score(mask, mask.astype(np.uint8))
    with pytest.raises(ValueError, match=r"of bool, not \(2, 3, 1\) of bool"):
        score(mask[..., None], mask[..., None])


def test_a_rim_without_width_is_refused():
    with pytest.raises(ValueError, match="at least 1 pixel, not 0"):
        boundary_iou(disc(9), disc(9), distance=0)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=30))
def test_the_rank_correlation_is_spearmans(pairs: list[tuple[int, int]]):
    first, second = zip(*pairs, strict=True)

    found = rank_correlation(first, second)

    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(first, second).statistic)

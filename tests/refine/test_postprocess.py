import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from data.arrays import Mask
from refine.postprocess import METHODS, Step, apply, masks_after_each, num_detached, parse


def grey(mask: Mask) -> NDArray[np.uint8]:
    return np.full((*mask.shape, 3), 128, np.uint8)


def run(text: str, mask: Mask) -> Mask:
    return parse(text)(mask, grey(mask))


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    shape = draw(st.tuples(st.integers(1, 16), st.integers(1, 16)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return random.random(shape) < draw(st.sampled_from([0, 0.2, 0.5, 0.8, 1]))


def smoothed_slowly(mask: Mask, side: int) -> Mask:
    result = mask.copy()
    reach = side // 2
    for row, column in np.ndindex(*mask.shape):
        near = mask[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) :][
            :, : column + reach + 1 - max(column - reach, 0)
        ]
        if 2 * near.sum() != near.size:
            result[row, column] = 2 * near.sum() > near.size
    return result


def closed_and_opened_slowly(mask: Mask, side: int) -> Mask:
    """Max and min filters; beyond the photo is what changes nothing."""

    def grown(x: Mask) -> Mask:
        return ndimage.grey_dilation(np.pad(x, side), size=side)[side:-side, side:-side]

    def shrunk(x: Mask) -> Mask:
        whole = np.pad(x, side, constant_values=True)
        return ndimage.grey_erosion(whole, size=side)[side:-side, side:-side]

    numbers = mask.astype(np.uint8)
    return grown(shrunk(shrunk(grown(numbers)))) > 0


def components_slowly(mask: Mask, largest_hole: int) -> Mask:
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    sizes = [(labels == i).sum() for i in range(1, count + 1)]
    result: Mask = labels == 1 + int(np.argmax(sizes)) if sizes else mask.copy()
    holes, count = ndimage.label(~result)
    for i in range(1, count + 1):
        hole = holes == i
        framed = hole[[0, -1]].any() or hole[:, [0, -1]].any()
        if not framed and hole.sum() <= largest_hole:
            result = result | hole
    return result


@settings(max_examples=60)
@given(masks(), st.sampled_from([3, 5, 9]))
def test_smoothing_is_the_majority_around_each_pixel(mask: Mask, side: int):
    np.testing.assert_array_equal(run(f"smooth={side}", mask), smoothed_slowly(mask, side))


@settings(max_examples=60)
@given(masks(), st.sampled_from([3, 5, 9]))
def test_closing_and_opening_are_max_and_min_filters(mask: Mask, side: int):
    wanted = closed_and_opened_slowly(mask, side)

    np.testing.assert_array_equal(run(f"close-open={side}", mask), wanted)


@settings(max_examples=60)
@given(masks(), st.sampled_from([0, 1, 3, 50]))
def test_one_piece_stays_and_its_small_holes_are_filled(mask: Mask, hole: int):
    result = run(f"components={hole}", mask)

    wanted = components_slowly(mask, hole)
    # Of pieces of one size any may stay.
    assert result.sum() == wanted.sum() or is_tied(mask)
    if not is_tied(mask):
        np.testing.assert_array_equal(result, wanted)


@settings(max_examples=60)
@given(masks(), st.sampled_from([0, 1, 3, 50]))
def test_specks_are_the_pieces_and_holes_that_are_small(mask: Mask, area: int):
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    large = [labels == i for i in range(1, count + 1) if (labels == i).sum() > area]
    wanted: Mask = np.logical_or.reduce(large) if large else mask
    holes, count = ndimage.label(~wanted)
    for hole in (holes == i for i in range(1, count + 1)):
        if hole.sum() <= area and not (hole[[0, -1]].any() or hole[:, [0, -1]].any()):
            wanted = wanted | hole

    if large:
        np.testing.assert_array_equal(run(f"specks={area}", mask), wanted)
    else:
        np.testing.assert_array_equal(run(f"specks={area}", mask), run(f"components={area}", mask))


def is_tied(mask: Mask) -> bool:
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    sizes = sorted((labels == i).sum() for i in range(1, count + 1))
    return len(sizes) > 1 and sizes[-1] == sizes[-2]


def car() -> Mask:
    """A body with a window, a keyhole, an antenna, and a speck on the floor."""
    mask = np.zeros((60, 100), bool)
    mask[20:50, 10:90] = True
    mask[25:35, 30:50] = False  # 200 pixels of window
    mask[40:42, 60:62] = False  # a hole of 4
    mask[5:20, 70] = True
    mask[54:57, 40:43] = True
    return mask


def test_a_window_stays_and_holes_and_specks_go():
    result = run("components=100", car())

    wanted = car()
    wanted[40:42, 60:62] = True
    wanted[54:57, 40:43] = False
    np.testing.assert_array_equal(result, wanted)


@settings(max_examples=60)
@given(masks())
def test_detached_is_what_is_not_in_the_largest_piece(mask: Mask):
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    sizes = [int((labels == i).sum()) for i in range(1, count + 1)]

    assert num_detached(mask) == sum(sizes) - max(sizes, default=0)


def test_two_objects_stay_and_the_specks_beside_them_go():
    two = np.hstack([car(), car()])

    result = run("specks=100", two)

    wanted = run("components=100", car())
    np.testing.assert_array_equal(result, np.hstack([wanted, wanted]))


def test_a_window_goes_where_so_large_a_hole_is_to_be_filled():
    assert run("components=200", car())[25:35, 30:50].all()
    assert not run("components=199", car())[25:35, 30:50].any()


def test_smoothing_loses_an_antenna():
    assert car()[5:18, 70].all()
    assert not run("smooth=3", car())[5:18, 70].any()


@pytest.mark.parametrize(("side", "stays"), [(3, True), (5, True), (7, False), (9, False)])
def test_a_spike_narrower_than_the_square_goes_and_a_gap_as_narrow_is_closed(
    side: int, stays: bool
):
    body = np.zeros((80, 80), bool)
    body[30:70, 10:70] = True
    spike, gap = np.zeros_like(body), np.zeros_like(body)
    spike[10:30, 35:41] = True
    gap[50:70, 35:41] = True

    assert run(f"close-open={side}", body | spike)[12:25, 36:40].all() == stays
    assert run(f"close-open={side}", body | spike)[12:25].any() == stays
    assert run(f"close-open={side}", body & ~gap)[55:65, 37].any() != stays


def test_background_cut_off_by_the_edge_of_the_photo_is_no_hole():
    mask = np.ones((20, 20), bool)
    mask[0, 5:8] = False

    np.testing.assert_array_equal(run("components=50", mask), mask)


@pytest.mark.parametrize("text", list(METHODS))
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (33, 1), (37, 61)])
@pytest.mark.parametrize("value", [False, True])
def test_a_mask_of_one_value_stays(text: str, shape: tuple[int, int], value: bool):
    mask = np.full(shape, value)

    result = run(text, mask)

    np.testing.assert_array_equal(result, mask)
    assert result.dtype == np.bool_


@pytest.mark.parametrize("text", list(METHODS))
def test_neither_mask_nor_photo_is_changed(text: str):
    mask = car()
    photo = np.random.default_rng(0).integers(0, 256, (*mask.shape, 3), np.uint8)
    before = photo.copy()

    result = parse(text)(mask, photo)

    result[:] = True
    np.testing.assert_array_equal(mask, car())
    np.testing.assert_array_equal(photo, before)


def test_steps_are_taken_in_their_order():
    mask = np.zeros((20, 20), bool)
    mask[:, :8] = True
    mask[4:16, 9:20] = True  # larger than neither, a gap of one column between them
    mask[8:10, 2:4] = False
    close, pieces = parse("close-open=3"), parse("components=0")

    one = apply([close, pieces], mask, grey(mask))
    other = apply([pieces, close], mask, grey(mask))

    assert one.sum() > other.sum()
    texts, masks = zip(*masks_after_each([close, pieces], mask, grey(mask)), strict=True)
    assert texts == ("close-open=3", "components=0")
    np.testing.assert_array_equal(masks[0], close(mask, grey(mask)))
    np.testing.assert_array_equal(masks[1], one)
    np.testing.assert_array_equal(apply([], mask, grey(mask)), mask)


@pytest.mark.parametrize("text", [*METHODS, "smooth=5", "components=0", "regions=64"])
def test_a_step_is_written_as_it_is_read(text: str):
    step = parse(text)

    assert parse(str(step)) == step
    assert str(step).startswith(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blur=3", "no step 'blur'; there are smooth, close-open, components, specks, regions"),
        ("", "no step ''"),
        ("smooth=4", "smooth takes 3 to 99 in steps of 2, not 4"),
        ("smooth=1", "smooth takes 3 to 99"),
        ("components=-1", "components takes 0 to"),
        ("regions=12", "regions takes 8 to 64 in steps of 8, not 12"),
        ("smooth=", "'smooth=' has no whole number after its smooth="),
        ("smooth=3.5", "no whole number"),
    ],
)
def test_a_step_that_is_none_is_refused(text: str, message: str):
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_a_mask_of_another_photo_is_refused():
    with pytest.raises(ValueError, match="not that of a photo"):
        Step("smooth", 3)(np.zeros((4, 5), bool), np.zeros((5, 4, 3), np.uint8))

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from data.arrays import Mask, Photo
from refine.regions import (
    COARSE,
    EDGE,
    FULL,
    Vote,
    contour_squares,
    decide,
    find_edges,
    refine,
    refine_coarsely,
)

SIDE = 8


def edges_slowly(photo: Photo) -> Mask:
    """The gradient's root mean square over both directions, of a photo from 0 to 1."""
    strongest = np.zeros(photo.shape[:2])
    for channel in np.moveaxis(photo / 255, -1, 0):
        padded = np.pad(channel, 1, mode="symmetric")
        gradients = []
        for axis in (0, 1):
            smooth = ndimage.convolve1d(padded, [0.25, 0.5, 0.25], axis=1 - axis)
            gradients.append(ndimage.convolve1d(smooth, [1, 0, -1], axis=axis)[1:-1, 1:-1])
        strongest = np.maximum(strongest, np.sqrt((gradients[0] ** 2 + gradients[1] ** 2) / 2))
    edges = strongest > EDGE
    thick = edges.copy()  # by its neighbours to the lower right
    thick[1:] |= edges[:-1]
    thick[:, 1:] |= edges[:, :-1]
    thick[1:, 1:] |= edges[:-1, :-1]
    return thick


def refine_slowly(mask: Mask, edges: Mask, vote: Vote) -> Mask:
    """One square after another, one region after another."""
    height, width = mask.shape
    whole = np.pad(mask, ((0, -height % SIDE), (0, -width % SIDE)), mode="edge")
    edges = np.pad(edges, ((0, -height % SIDE), (0, -width % SIDE)), mode="edge")
    around = np.pad(whole, 1, mode="edge")
    # Pixels unlike one beside them, also one beside the square.
    nine = [np.roll(around, (i, j), (0, 1))[1:-1, 1:-1] for i in (-1, 0, 1) for j in (-1, 0, 1)]
    contour = np.any(nine, axis=0) != np.all(nine, axis=0)
    result = whole.copy()
    for top, left in product(range(0, whole.shape[0], SIDE), range(0, whole.shape[1], SIDE)):
        inside = slice(top, top + SIDE), slice(left, left + SIDE)
        if not contour[inside].any():
            continue
        labels, count = ndimage.label(~edges[inside], structure=np.ones((3, 3)))
        for label in range(1, count + 1):
            region = labels == label
            own = whole[inside][region].mean()
            outer = [
                around[top + 1 + row + i, left + 1 + column + j]
                for row, column in np.argwhere(region)
                for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1))
                if not (0 <= row + i < SIDE and 0 <= column + j < SIDE)
            ]
            yes, no = (1 - vote.border) * own, (1 - vote.border) * (1 - own)
            if outer:
                yes += vote.border * np.mean(outer)
                no += vote.border * (1 - np.mean(outer))
            result[inside][region] = yes > vote.ratio * no
    return result[:height, :width]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Mask, Photo]:
    """A smooth mask, and a photo of a few flat colours."""
    shape = draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    mask = ndimage.uniform_filter(random.random(shape), 5) > 0.5
    colours = random.integers(0, 256, (5, 3), dtype=np.uint8)
    blobs = ndimage.uniform_filter(random.random(shape), 7)
    return mask, colours[np.digitize(blobs, [0.44, 0.48, 0.52, 0.56])]


@settings(max_examples=60)
@given(cases(), st.sampled_from([FULL, COARSE, Vote(0.5, 1.3)]))
def test_regions_are_decided_as_one_by_one(case: tuple[Mask, Photo], vote: Vote):
    mask, photo = case

    result = refine(mask, photo, SIDE, vote)

    np.testing.assert_array_equal(result, refine_slowly(mask, find_edges(photo), vote))


@settings(max_examples=40)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_edges_are_those_of_sobel(height: int, width: int, seed: int):
    # Steps of 8: no gradient lies so near the threshold that rounding decides.
    shades = np.random.default_rng(seed).integers(0, 32, (height, width, 3)) * 8
    photo = shades.astype(np.uint8)

    np.testing.assert_array_equal(find_edges(photo), edges_slowly(photo))


def step_photo(at: int, size: int = 64) -> Photo:
    """Dark on the left, bright from column `at` on."""
    photo = np.full((size, size, 3), 40, np.uint8)
    photo[:, at:] = 200
    return photo


@pytest.mark.parametrize(("step", "is_edge"), [(3, False), (4, True)])
def test_a_step_of_four_grey_levels_is_an_edge(step: int, is_edge: bool):
    photo = np.full((20, 20, 3), 100, np.uint8)
    photo[:, 10:, 1] += step

    edges = find_edges(photo)

    np.testing.assert_array_equal(find_edges(photo.swapaxes(0, 1)), edges.T)
    assert edges[:, 9:12].all() == edges.any() == is_edge
    assert not edges[:, [*range(9), *range(12, 20)]].any()


@pytest.mark.parametrize(("at", "squares"), [(7, [0]), (8, [0, 1]), (9, [1])])
def test_squares_on_a_contour_have_a_pixel_unlike_one_beside_it(at: int, squares: list[int]):
    mask = np.zeros((8, 24), bool)
    mask[:, :at] = True

    assert contour_squares(mask, SIDE).tolist() == [[0, column] for column in squares]
    assert contour_squares(~mask.T, SIDE).tolist() == [[row, 0] for row in squares]


@given(st.integers(0, 2**32 - 1), st.sampled_from([FULL, COARSE, Vote(0.5, 1.3)]))
def test_regions_of_any_shape_are_decided_by_their_pixels_and_those_beside_them(
    seed: int, vote: Vote
):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 7, (3, 4, 4), dtype=np.int32)
    labels.flat[:7] = range(7)  # each of them is there
    around = random.random((3, 6, 6)) < 0.7

    decided = decide(labels, 6, around[:, 1:-1, 1:-1], around, vote)

    outer = np.pad(labels, ((0, 0), (1, 1), (1, 1)))
    for label in range(1, 7):
        own = around[:, 1:-1, 1:-1][labels == label]
        beside = np.concatenate(
            [
                around[:, 0, :][outer[:, 1, :] == label],
                around[:, -1, :][outer[:, -2, :] == label],
                around[:, :, 0][outer[:, :, 1] == label],
                around[:, :, -1][outer[:, :, -2] == label],
            ]
        )
        yes, no = ((1 - vote.border) * share for share in (own.mean(), 1 - own.mean()))
        if len(beside):
            yes += vote.border * beside.mean()
            no += vote.border * (1 - beside.mean())
        if abs(yes - vote.ratio * no) > 1e-9:
            assert decided[label] == (yes > vote.ratio * no)


def test_a_tie_is_background():
    mask = np.zeros((16, 16), bool)
    mask[:, :8] = True

    assert not refine(mask, np.full((16, 16, 3), 90, np.uint8), 16).any()


@pytest.mark.parametrize("off", [-3, -2, 2, 3])
def test_a_contour_beside_an_edge_of_the_photo_moves_to_it(off: int):
    true = np.zeros((64, 64), bool)
    true[:, 38:] = True
    mask = np.zeros((64, 64), bool)
    mask[:, 38 + off :] = True

    result = refine(mask, step_photo(38), 16)

    # The pixels of the edge itself, three columns of them, stay as they were.
    assert (result != true).sum() <= 3 * 64
    assert (result != true)[:, [*range(36), *range(41, 64)]].sum() == 0
    assert (mask != true).sum() == abs(off) * 64


@pytest.mark.parametrize("value", [False, True])
def test_without_a_contour_nothing_changes(value: bool):
    mask = np.full((40, 50), value)
    photo = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)

    np.testing.assert_array_equal(refine(mask, photo, 16), mask)
    np.testing.assert_array_equal(refine_coarsely(mask, photo, 16), mask)


def test_in_a_photo_without_edges_a_square_is_one_region():
    mask = np.zeros((32, 32), bool)
    mask[:, 20:] = True  # 12 of 16 columns of the right squares

    result = refine(mask, np.full((32, 32, 3), 90, np.uint8), 16)

    assert result[:, 16:].all()
    assert not result[:, :16].any()


def test_squares_that_are_all_edge_stay_as_they_are():
    mask = np.zeros((32, 32), bool)
    mask[:, 20:] = True
    chequered = np.indices((32, 32)).sum(axis=0) // 2 % 2 * 255
    photo = np.repeat(chequered[..., None], 3, axis=2).astype(np.uint8)

    result = refine(mask, photo, 16)

    assert find_edges(photo).all()
    np.testing.assert_array_equal(result, mask)


def test_refined_coarsely_whole_squares_of_four_change_and_nothing_else():
    photo = step_photo(96, 192)
    mask = np.zeros((192, 192), bool)
    mask[:, 112:] = True
    mask[3, 10] = True  # less than half of a coarse pixel
    before = mask.copy()

    result = refine_coarsely(mask, photo, 16)

    np.testing.assert_array_equal(mask, before)
    changed = result != mask
    wanted = np.zeros((192, 192), bool)
    wanted[:, 104:112] = True  # from the pixels of the edge to where the contour was
    np.testing.assert_array_equal(changed, wanted)
    assert result[3, 10]


def test_half_of_a_coarse_pixel_makes_it_object():
    mask = np.zeros((32, 32), bool)
    mask[:, :16] = mask[:, 16::4] = mask[:, 17::4] = True

    result = refine_coarsely(mask, np.full((32, 32, 3), 90, np.uint8), 8)

    # All coarse pixels are object, so there is no contour among them.
    np.testing.assert_array_equal(result, mask)


def test_coarsely_the_object_needs_more_than_most_votes():
    mask = np.zeros((32, 32), bool)
    mask[:, :24] = True
    photo = np.full((32, 32, 3), 90, np.uint8)

    assert refine(mask, photo, 32).all()
    assert not refine_coarsely(mask, photo, 8).any()


def test_naming_the_steps_of_post_processing_imports_no_scientific_library():
    code = "import sys, refine.postprocess; print({'scipy', 'skimage'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"

import cv2
import numpy as np
import pytest

from data.geometry import Size
from data.studio.truth import CutOut, render_cutout
from refine.matte.colours import LENS, REACH, TILE, edge_tiles, object_colours
from refine.matte.coverage import contour_alpha
from tests.refine.matte.shapes import at_centres, disc_field

RED, BLUE = np.array([200.0, 40, 30]), np.array([20.0, 60, 220])


def mixed_photo(alpha: np.ndarray, most: int = 255) -> np.ndarray:
    """Red on blue through a lens."""
    share = cv2.GaussianBlur(alpha, (0, 0), LENS)[..., None]
    dtype = np.uint8 if most == 255 else np.uint16
    return np.rint((share * RED + (1 - share) * BLUE) * (most / 255)).astype(dtype)


@pytest.fixture(scope="module")
def disc() -> np.ndarray:
    logits = at_centres(disc_field(31.3, 30.6, 15.2))
    return contour_alpha(logits > 0, logits)


@pytest.fixture(scope="module")
def studio() -> CutOut:
    return render_cutout(0, 1, 5, size=Size(640, 960))


def test_the_objects_colour_has_nothing_of_the_background(disc: np.ndarray):
    colours = object_colours(mixed_photo(disc), disc)

    assert np.abs(colours[disc > 0] - RED).max() < 6
    assert np.abs(mixed_photo(disc)[disc > 0] - RED).max() > 100  # which the photo's own have


def test_sixteen_bits_give_the_same_more_finely(disc: np.ndarray):
    eight = object_colours(mixed_photo(disc), disc)
    sixteen = object_colours(mixed_photo(disc, 65535), disc)

    assert sixteen.dtype == np.uint16
    assert np.abs(sixteen[disc > 0] / 257 - eight[disc > 0]).max() < 2
    assert len(np.unique(sixteen[disc > 0])) > len(np.unique(eight[disc > 0]))


def test_deep_inside_nothing_changes(disc: np.ndarray):
    photo = mixed_photo(disc)

    colours = object_colours(photo, disc)

    deep = cv2.erode(disc, np.ones((11, 11))) == 1
    assert deep.any()
    np.testing.assert_array_equal(colours[deep], photo[deep])


def test_transparent_pixels_have_the_colour_of_the_object(disc: np.ndarray):
    colours = object_colours(mixed_photo(disc), disc)

    assert np.abs(colours[disc == 0] - RED).max() < 8


def test_a_thumbnail_made_without_regard_to_alpha_shows_no_rim(disc: np.ndarray):
    colours = object_colours(mixed_photo(disc), disc)

    small, share = (cv2.resize(x, (8, 8), interpolation=cv2.INTER_AREA) for x in (colours, disc))

    assert np.abs(small[share > 0] - RED).max() < 8


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_photo_without_a_contour_stays(value: float):
    photo = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)

    colours = object_colours(photo, np.full((40, 50), value, np.float32))

    np.testing.assert_array_equal(colours, photo)
    assert colours is not photo


def test_the_photo_is_not_changed(disc: np.ndarray):
    photo = mixed_photo(disc)
    before = photo.copy()

    object_colours(photo, disc)

    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("size", [(33, 65), (31, 40), (70, 33)])
def test_an_object_at_the_edge_of_a_photo_of_any_size(size: tuple[int, int]):
    alpha = np.zeros(size, np.float32)
    alpha[:, : size[1] // 2] = 1

    colours = object_colours(mixed_photo(alpha), alpha)

    assert colours.shape == (*size, 3)
    assert np.abs(colours[alpha > 0] - RED).max() < 8


def test_tiles_hold_all_that_is_near_the_contour():
    alpha = np.zeros((4 * TILE, 5 * TILE), np.float32)
    alpha[TILE + 3 :, 2 * TILE + 5 :] = 1
    edge = cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, np.ones((3, 3)))

    tiles = edge_tiles(alpha)

    chosen = np.zeros(alpha.shape, bool)
    for row, column in tiles * TILE:
        chosen[row : row + TILE, column : column + TILE] = True
    assert chosen[cv2.dilate(edge, np.ones((2 * REACH + 1, 2 * REACH + 1))) > 0].all()
    assert not chosen.all()


def test_cost_follows_the_contour():
    small, large = np.zeros((256, 256), np.float32), np.zeros((2048, 2048), np.float32)
    small[100:150, 100:150] = large[100:150, 100:150] = 1

    assert len(edge_tiles(small)) == len(edge_tiles(large))


def composite_error(studio: CutOut, colours: np.ndarray, alpha: np.ndarray) -> float:
    """Mean error in grey levels along the contour, on white, black and magenta."""
    mask = (studio.coverage > 0.5).view(np.uint8)
    near = cv2.dilate(mask, np.ones((5, 5))) != cv2.erode(mask, np.ones((5, 5)))
    share, truth = alpha[near][:, None], studio.coverage[near][:, None]
    errors = [
        np.abs(
            share * colours[near] + (1 - share) * shade
            - truth * studio.colours[near] - (1 - truth) * shade
        ).mean()
        for shade in (np.array([255, 255, 255]), np.zeros(3), np.array([255, 0, 255]))
    ]  # fmt: skip
    return float(np.mean(errors))


def test_a_cutout_of_the_studio_is_nearer_to_the_truth_than_the_photos_own_colours(studio: CutOut):
    mask = studio.coverage > 0.5
    alpha = contour_alpha(mask, studio.coverage - np.float32(0.5))

    ours = composite_error(studio, object_colours(studio.photo, alpha), alpha)

    assert ours < 0.75 * composite_error(studio, studio.photo, alpha)
    assert ours < 0.5 * composite_error(studio, studio.photo, mask.astype(np.float32))


def test_pymatting_is_no_better(studio: CutOut):
    pymatting = pytest.importorskip("pymatting", exc_type=ImportError)
    alpha = contour_alpha(studio.coverage > 0.5, studio.coverage - np.float32(0.5))

    theirs = 255 * pymatting.estimate_foreground_ml(studio.photo / 255, alpha.astype(np.float64))

    ours = composite_error(studio, object_colours(studio.photo, alpha), alpha)
    assert ours < composite_error(studio, theirs, alpha)

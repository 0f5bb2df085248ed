import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.geometry import Fovea, Size
from data.pyramid import pyramid
from data.tile_grid import repeat_pixels
from pipeline.reporting.canvas import (
    BLUE,
    RED,
    YELLOW,
    at_size,
    densest_crop,
    difference,
    draw_contour,
    fitted_size,
    frame,
    frame_levels,
    lay_out,
    marks_at_size,
    outline_tiles,
    overlay,
    panel,
    white_on_black,
)

Photo = NDArray[np.uint8]


def photo_of(height: int, width: int) -> Photo:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def half(height: int, width: int) -> NDArray[np.bool_]:
    """A mask of the left half."""
    mask = np.zeros((height, width), np.bool_)
    mask[:, : width // 2] = True
    return mask


def windows_of(photo: Photo, fovea: Fovea) -> list[Photo]:
    """The windows around the tile in the middle of a photo as large as the largest of them."""
    side = len(photo)
    result = []
    for level, pixels in enumerate(pyramid(photo, fovea.levels)):
        rim = (side >> level) // 2 - fovea.window_side(level) // 2
        result.append(pixels[rim : len(pixels) - rim, rim : len(pixels) - rim])
    return result


ALL = [Fovea(8, 1), Fovea(8, 3), Fovea(16, 1), Fovea(16, 2), Fovea(16, 3), Fovea(32, 4)]


@pytest.mark.parametrize("fovea", ALL)
def test_a_fovea_shows_a_photo_of_coarse_squares_as_it_is(fovea: Fovea):
    square = 1 << (fovea.levels - 1)
    side = fovea.tile + 2 * fovea.margin
    photo = repeat_pixels(photo_of(side // square, side // square), square)

    result = lay_out(windows_of(photo, fovea), fovea.tile)

    np.testing.assert_array_equal(result, photo)


@pytest.mark.parametrize("fovea", ALL)
def test_every_level_of_a_fovea_is_drawn_at_its_place_and_scale(fovea: Fovea):
    """Pixel by pixel: the finest level that reaches there, and its pixel there."""
    sides = [fovea.window_side(level) for level in range(fovea.levels)]
    windows = [photo_of(side, side) for side in sides]
    side = fovea.tile + 2 * fovea.margin

    result = lay_out(windows, fovea.tile)

    assert result.shape == (side, side, 3)
    for row, column in np.random.default_rng(1).integers(0, side, (300, 2)):
        from_middle = max(abs(2 * at + 1 - side) for at in (row, column))
        level = next(k for k in range(fovea.levels) if from_middle < (2 * k + 1) * fovea.tile)
        begin = fovea.margin - level * fovea.tile
        source = windows[level][(row - begin) >> level, (column - begin) >> level]
        np.testing.assert_array_equal(result[row, column], source)


def test_a_fovea_in_grey_is_laid_out_as_well_and_the_windows_stay_as_they_are():
    windows = [np.full((side, side), level, np.uint8) for level, side in enumerate((16, 24))]

    result = lay_out(windows, 16)

    assert result.shape == (48, 48)
    assert (windows[1] == 1).all()
    assert (result == 0).sum() == 16 * 16


def test_lines_part_the_levels_and_nothing_else_changes():
    picture = np.zeros((80, 80, 3), np.uint8)

    drawn = frame_levels(picture, 3, YELLOW)

    lines = drawn.any(axis=2)
    assert lines.sum() == 4 * (18 - 1) + 4 * (50 - 1)
    assert lines[31, 31:49].all()
    assert lines[15:65, 64].all()
    assert not lines[32:48, 32:48].any()
    assert not picture.any()


def test_the_contour_lies_on_the_edge_of_the_mask_and_not_along_the_border():
    picture = np.zeros((40, 60, 3), np.uint8)

    drawn = draw_contour(picture, half(40, 60), (200, 100, 0), width=2).astype(int)

    assert (drawn[:, 29] > np.array([140, 70, -1])).all()
    np.testing.assert_allclose(drawn[:, 29], drawn[:, 30], atol=4)
    assert not drawn[:, :25].any()
    assert not drawn[:, 35:].any()
    assert not picture.any()


@pytest.mark.parametrize("value", [False, True])
def test_a_mask_of_one_value_has_no_contour(value: bool):
    photo = photo_of(20, 30)

    drawn = draw_contour(photo, np.full((20, 30), value), RED, width=2)

    np.testing.assert_array_equal(drawn, photo)


def test_an_overlay_tints_the_mask_alone():
    photo = photo_of(40, 60)

    drawn = overlay(photo, half(40, 60))

    np.testing.assert_array_equal(drawn[:, 40:], photo[:, 40:])
    tinted = np.rint(0.65 * photo[:, :20] + 0.35 * np.array(RED))
    np.testing.assert_array_equal(drawn[:, :20], tinted)


def test_tiles_are_outlined_at_their_place():
    photo = np.zeros((64, 96, 3), np.uint8)

    drawn = outline_tiles(photo, np.array([[1, 2]]), 16)

    assert (drawn[16, 32:48] == YELLOW).all()
    assert (drawn[16:32, 47] == YELLOW).all()
    assert drawn.any(axis=2).sum() == 4 * 15
    assert not photo.any()


def test_heavy_tiles_are_redder_and_one_beyond_the_border_does_no_harm():
    photo = np.full((60, 90, 3), 100, np.uint8)
    tiles = np.array([[0, 0], [1, 1], [3, 5]])

    drawn = outline_tiles(photo, tiles, 16, np.array([0.01, 4, 1], np.float32))

    np.testing.assert_allclose(drawn[8, 8], np.rint(55 + 0.45 * np.array(YELLOW)), atol=1)
    np.testing.assert_array_equal(drawn[24, 24], np.rint(55 + 0.45 * np.array(RED)))
    np.testing.assert_array_equal(drawn[40, 40], photo[40, 40])
    assert (drawn[55, 86] != photo[55, 86]).any()


def test_no_tiles_leave_the_photo_as_it_is():
    photo = photo_of(20, 30)
    none = np.zeros((0, 2), np.int64)

    np.testing.assert_array_equal(outline_tiles(photo, none, 16), photo)
    np.testing.assert_array_equal(outline_tiles(photo, none, 16, np.zeros(0, np.float32)), photo)


def test_a_difference_is_red_where_added_and_blue_where_lost():
    photo = photo_of(20, 30)
    mask, truth = half(20, 30), np.roll(half(20, 30), 3, axis=1)

    drawn = difference(photo, mask, truth)

    assert (drawn[:, :3] == RED).all()
    assert (drawn[:, 15:18] == BLUE).all()
    grey = drawn[:, 3:15]
    assert (grey == grey[..., :1]).all()


@given(st.integers(0, 59), st.integers(0, 79), st.integers(1, 70), st.integers(1, 90))
def test_a_detail_holds_what_is_marked(row: int, column: int, height: int, width: int):
    mask = np.zeros((60, 80), np.bool_)
    mask[row, column] = True

    box = densest_crop(mask, (height, width))

    assert mask[box].shape == (min(height, 60), min(width, 80))
    assert mask[box].any()


def test_a_lone_mark_is_in_the_middle_of_its_detail_and_the_middle_is_shown_of_nothing():
    mask = np.zeros((60, 80), np.bool_)

    assert densest_crop(mask, (20, 40)) == (slice(20, 40), slice(20, 60))

    mask[30, 50] = True
    rows, columns = densest_crop(mask, (21, 21))
    assert (rows.start, columns.start) == (20, 40)


def test_what_is_marked_stays_marked_at_any_size():
    mask = np.zeros((90, 120), np.bool_)
    mask[31, 77] = True

    smaller = marks_at_size(mask, Size(30, 40))

    assert np.argwhere(smaller).tolist() == [[10, 25]]
    larger = marks_at_size(mask, Size(180, 240))
    np.testing.assert_array_equal(larger, repeat_pixels(mask.view(np.uint8), 2) > 0)


@pytest.mark.parametrize(
    ("size", "fitted"),
    [
        (Size(1280, 1918), Size(641, 960)),
        (Size(960, 640), Size(960, 640)),
        (Size(100, 200), Size(400, 800)),
        (Size(1, 5000), Size(1, 960)),
    ],
)
def test_pictures_are_shown_at_a_size_that_fits(size: Size, fitted: Size):
    assert fitted_size(size, 960) == fitted


def test_pictures_are_averaged_when_smaller_and_repeated_when_larger():
    picture = photo_of(4, 6)

    np.testing.assert_array_equal(at_size(picture, Size(12, 18)), repeat_pixels(picture, 3))
    means = picture.reshape(2, 2, 3, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(at_size(picture, Size(2, 3)), means, atol=0.51)


def test_a_frame_may_reach_beyond_the_picture():
    drawn = frame(np.zeros((20, 30, 3), np.uint8), (slice(-5, 10), slice(4, 40)), RED, width=2)

    assert (drawn[:10, 4:6] == RED).all()
    assert (drawn[8:10, 4:] == RED).all()
    assert not drawn[:8, 6:].any()


def test_a_panel_keeps_its_pictures_pixel_by_pixel_under_their_titles():
    pictures = [("one", photo_of(50, 90)), ("a title far too long for it " * 3, photo_of(50, 90))]
    pictures.append(("mask", white_on_black(half(50, 90))))

    result = panel(pictures, columns=2)

    rows, columns = result.shape[0] // 2, result.shape[1] // 2
    for i, (_, picture) in enumerate(pictures):
        cell = result[i // 2 * rows :, i % 2 * columns :][:rows, :columns]
        np.testing.assert_array_equal(cell[-56:-6, 6:-6], picture)
        assert (cell[:-56] < 128).any()
    assert (result[rows:, columns:] == 255).all()

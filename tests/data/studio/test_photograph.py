from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from data.geometry import Size
from data.studio import render_photo
from data.studio.photograph import expose, set_up
from data.studio.room import furnish
from data.studio.scene import draw_scene

SMALL = Size(160, 240)
MIDDLE = Size(320, 480)


def first_car(wanted: str) -> int:
    """The first car with a mast, rails, or without either."""
    for car in range(200):
        trim = draw_scene(0, car).design.trim
        kind = "rails" if trim.rails else trim.antenna
        if kind == wanted:
            return car
    raise LookupError(wanted)


def perimeter(mask: NDArray[np.bool_]) -> int:
    return int((mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum())


def mean_runs(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Foreground pixels per run, for each row that has some."""
    padded = np.pad(mask, ((0, 0), (1, 1)))
    starts = (padded[:, 1:] & ~padded[:, :-1]).sum(axis=1)
    return mask.sum(axis=1)[starts > 0] / starts[starts > 0]


def test_the_same_arguments_give_the_same_photo():
    first, first_mask = render_photo(5, 2, 3, size=SMALL)

    again, again_mask = render_photo(5, 2, 3, size=SMALL)

    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first_mask, again_mask)


@pytest.mark.parametrize(("seed", "car", "angle"), [(6, 2, 3), (5, 3, 3), (5, 2, 4)])
def test_another_seed_car_or_angle_gives_another_photo(seed: int, car: int, angle: int):
    photo, mask = render_photo(5, 2, 3, size=SMALL)

    other, other_mask = render_photo(seed, car, angle, size=SMALL)

    assert (photo != other).mean() > 0.5
    assert (mask != other_mask).mean() > 0.01


def test_photo_and_mask_have_the_size_asked_for():
    photo, mask = render_photo(0, 0, 1, size=Size(101, 163))

    assert (photo.shape, photo.dtype) == ((101, 163, 3), np.uint8)
    assert (mask.shape, mask.dtype) == ((101, 163), np.bool_)


@pytest.mark.parametrize("car", range(7))
def test_the_mask_is_half_of_the_cars_coverage(car: int):
    _, mask = render_photo(0, car, 4, size=MIDDLE)

    turn = 2 * np.pi * 3 / 16
    exposed = expose(set_up(0, car, MIDDLE.width), turn, MIDDLE)

    np.testing.assert_array_equal(mask, exposed.coverage > 0.5)
    assert abs(mask.sum() - exposed.coverage.sum()) / perimeter(mask) < 0.05


def test_outside_the_coverage_a_car_of_another_colour_changes_nothing():
    setup = set_up(0, 0, MIDDLE.width)
    atlas = copy(setup.car.atlas)
    atlas.colour = np.zeros_like(atlas.colour)
    black = replace(setup, car=replace(setup.car, atlas=atlas))

    light, dark = (expose(each, 0.7, MIDDLE) for each in (setup, black))

    changed = (light.light != dark.light).any(axis=2)
    assert not changed[light.coverage == 0].any()
    assert changed[light.coverage > 0.5].mean() > 0.8


def test_windows_show_the_studio_and_are_mask_all_the_same():
    setup = set_up(0, 3, MIDDLE.width)
    night = replace(setup.room.studio, wall=(10, 10, 10), floor=(10, 10, 10))
    dark = replace(setup, room=furnish(night, MIDDLE.width, np.random.default_rng([0, 3, 1])))

    by_day, by_night = (expose(each, np.pi / 2, MIDDLE) for each in (setup, dark))

    inside = by_day.coverage == 1
    shown_through = (by_day.light - by_night.light).mean(axis=2)[inside] > 0.1
    assert 0.02 < shown_through.mean() < 0.4


def test_the_car_takes_its_share_of_the_photo():
    shares = [render_photo(0, n, 1 + (5 * n) % 16, size=SMALL)[1].mean() for n in range(16)]

    assert min(shares) > 0.08
    assert max(shares) < 0.40
    assert 0.17 < np.mean(shares) < 0.25


def test_the_floor_under_the_car_is_as_dark_as_a_tyre():
    photo, mask = render_photo(0, 0, 5, size=MIDDLE)

    lowest = np.nonzero(mask.any(axis=1))[0].max()
    floor = photo.max(axis=2)[: lowest + 1][~mask[: lowest + 1]]

    assert (floor < 60).sum() > 20


def test_an_antenna_is_one_to_four_pixels_wide():
    car = first_car("mast")

    _, mask = render_photo(0, car, 5)

    top = int(np.nonzero(mask.any(axis=1))[0].min())
    runs = mean_runs(mask[top : top + 30])
    assert len(runs) > 15
    assert 1 <= np.median(runs) <= 4


def test_between_roof_rail_and_roof_the_studio_is_seen():
    car = first_car("rails")

    _, mask = render_photo(0, car, 5)

    columns = mask[: mask.shape[0] // 2]
    holes = (columns[1:] & ~columns[:-1]).sum(axis=0) > 1
    assert holes.sum() > 50


@pytest.mark.parametrize("angle", [0, 17])
def test_an_angle_outside_the_turn_is_a_wrong_call(angle: int):
    with pytest.raises(ValueError, match="from 1 to 16"):
        render_photo(0, 0, angle, size=SMALL)

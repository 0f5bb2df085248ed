from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from data import rle
from data.errors import InputError
from data.geometry import Size
from data.studio import raster, render_photo, write_dataset
from data.studio.camera import Camera
from data.studio.mesh import Mesh
from data.studio.render import build_car, expose
from data.studio.room import furnish
from data.studio.scene import draw_scene

SMALL = Size(160, 240)
MIDDLE = Size(320, 480)


def first_car(wanted: str) -> int:
    """The first car with a mast, rails, or without either."""
    for car in range(200):
        trim = draw_scene(0, car).trim
        kind = "rails" if trim.rails else trim.antenna
        if kind == wanted:
            return car
    raise LookupError(wanted)


def disc(radius: float, centre: NDArray[np.float64], sectors: int = 360) -> Mesh:
    """A disc in the plane y = 0, as quads with two corners in its middle."""
    turn = np.linspace(0, 2 * np.pi, sectors + 1)
    rim = centre + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    middle = np.broadcast_to(centre, rim[1:].shape)
    flat = np.stack([middle, rim[:-1], rim[1:], middle], axis=1)
    corners = np.stack([flat[..., 0], 0 * flat[..., 0], flat[..., 1]], axis=2)
    return Mesh(corners, np.zeros_like(corners) - [0.0, 1.0, 0.0], np.zeros((sectors, 4, 2)))


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


@pytest.mark.parametrize("radius", [11.3, 20.8, 37.5])
@pytest.mark.parametrize("shift", [0.12, 0.29, 0.43])
def test_a_discs_mask_lies_where_its_blended_edge_does(radius: float, shift: float):
    size = Size(101, 121)
    camera = Camera(
        np.array([0.0, -10.0, 0.0]), np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]]), 100.0, size
    )
    mesh = disc(radius / 10, np.array([shift / 10, -shift / 10]))

    samples = raster.paint(mesh, camera, raster.Window(0, 0, *size)) != raster.NOTHING
    coverage = raster.fine_mean(samples)
    mask = coverage > 0.5

    edge = 2 * np.pi * radius
    assert abs(mask.sum() - coverage.sum()) / edge < 0.06
    # OpenCV fills whatever a polygon touches: both grow by half a fine sample, together.
    assert abs(coverage.sum() / edge - radius / 2) < 0.25
    rows, columns = np.indices(size)
    for place, middle in ((rows, 50 + shift), (columns, 60 + shift)):
        assert abs((coverage * place).sum() / coverage.sum() - middle) < 0.05
        assert abs((mask * place).sum() / mask.sum() - middle) < 0.1


@pytest.mark.parametrize("car", range(7))
def test_the_mask_is_half_of_the_cars_coverage(car: int):
    _, mask = render_photo(0, car, 4, size=MIDDLE)

    turn = 2 * np.pi * 3 / 16
    exposed = expose(build_car(0, car, MIDDLE.width), turn, MIDDLE)

    np.testing.assert_array_equal(mask, exposed.coverage > 0.5)
    assert abs(mask.sum() - exposed.coverage.sum()) / perimeter(mask) < 0.05


def test_outside_the_coverage_a_car_of_another_colour_changes_nothing():
    car = build_car(0, 0, MIDDLE.width)
    atlas = copy(car.atlas)
    atlas.colour = np.zeros_like(atlas.colour)
    black = replace(car, atlas=atlas)

    light, dark = (expose(c, 0.7, MIDDLE) for c in (car, black))

    changed = (light.light != dark.light).any(axis=2)
    assert not changed[light.coverage == 0].any()
    assert changed[light.coverage > 0.5].mean() > 0.8


def test_windows_show_the_studio_and_are_mask_all_the_same():
    car = build_car(0, 3, MIDDLE.width)
    night = replace(car.scene.studio, wall=(10, 10, 10), floor=(10, 10, 10))
    dark = replace(car, room=furnish(night, MIDDLE.width, np.random.default_rng([0, 3, 1])))

    by_day, by_night = (expose(c, np.pi / 2, MIDDLE) for c in (car, dark))

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


def test_a_set_has_the_files_of_the_real_one(tmp_path: Path):
    progress: list[tuple[int, int]] = []

    write_dataset(
        tmp_path / "set",
        cars=2,
        angles=3,
        seed=4,
        size=SMALL,
        on_photo=lambda done, total: progress.append((done, total)),
    )

    photos = sorted(path.name for path in (tmp_path / "set/train").iterdir())
    masks = sorted(path.name for path in (tmp_path / "set/train_masks").iterdir())
    assert progress == [(n, 6) for n in range(1, 7)]
    assert [name[12:] for name in photos] == ["_01.jpg", "_02.jpg", "_03.jpg"] * 2
    assert [name.replace("_mask.gif", ".jpg") for name in masks] == photos
    assert all(int(name[:12], 16) >= 0 for name in photos)
    header, *rows = (tmp_path / "set/train_masks.csv").read_text().splitlines()
    assert header == "img,rle_mask"
    assert [row.split(",")[0] for row in rows] == photos
    for row, name in zip(rows, masks, strict=True):
        with Image.open(tmp_path / "set/train_masks" / name) as image:
            assert (image.format, image.mode) == ("GIF", "P")
            mask = np.asarray(image)
        assert set(np.unique(mask)) == {0, 1}
        np.testing.assert_array_equal(rle.decode(row.split(",")[1], SMALL), mask == 1)


def test_the_files_hold_the_photos_that_are_rendered(tmp_path: Path):
    write_dataset(tmp_path, cars=1, angles=2, seed=9, size=MIDDLE)

    photo, mask = render_photo(9, 0, 2, num_angles=2, size=MIDDLE)

    with Image.open(next((tmp_path / "train").glob("*_02.jpg"))) as image:
        difference = np.abs(np.asarray(image).astype(int) - photo)
    with Image.open(next((tmp_path / "train_masks").glob("*_02_mask.gif"))) as image:
        np.testing.assert_array_equal(np.asarray(image) == 1, mask)
    assert difference.mean() < 3


def test_an_interrupted_set_is_completed_and_whole_photos_stay(tmp_path: Path):
    write_dataset(tmp_path, cars=1, angles=3, size=SMALL)
    first, second, _ = sorted((tmp_path / "train").iterdir())
    untouched, remade = first.stat().st_mtime_ns, second.read_bytes()
    second.unlink()
    calls: list[int] = []

    write_dataset(
        tmp_path, cars=1, angles=3, size=SMALL, on_photo=lambda done, total: calls.append(done)
    )

    assert calls == [3]
    assert first.stat().st_mtime_ns == untouched
    assert second.read_bytes() == remade


def test_a_folder_with_other_photos_is_refused(tmp_path: Path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train/holiday.jpg").touch()

    with pytest.raises(InputError, match=r"holiday\.jpg"):
        write_dataset(tmp_path, cars=1, angles=1, size=SMALL)

    assert not (tmp_path / "train_masks").exists()


@pytest.mark.parametrize(("cars", "angles"), [(0, 16), (1, 0), (1, 100)])
def test_a_set_of_no_photos_is_a_wrong_call(tmp_path: Path, cars: int, angles: int):
    with pytest.raises(ValueError, match="at least 1"):
        write_dataset(tmp_path, cars=cars, angles=angles)


@pytest.mark.parametrize("angle", [0, 17])
def test_an_angle_outside_the_turn_is_a_wrong_call(angle: int):
    with pytest.raises(ValueError, match="from 1 to 16"):
        render_photo(0, 0, angle, size=SMALL)

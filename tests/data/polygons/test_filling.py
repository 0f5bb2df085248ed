import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.polygons.bridge import bridged
from data.polygons.contour import Ring, polygons_of
from data.polygons.filling import even_odd, filled, num_pixels
from tests.data.polygons.mask_examples import every_example, masks

SIZE = Size(9, 12)


def star(radii: list[float], x: float, y: float) -> Ring:
    """A ring around (x, y) that does not cross itself."""
    angles = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    return np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], 1)


stars = st.builds(
    star,
    st.lists(st.floats(0.3, 4), min_size=3, max_size=9).map(np.array),
    st.floats(4.01, 7.99),
    st.floats(4.01, 4.99),
)


@given(stars)
def test_a_pixel_is_inside_if_its_centre_is(ring: Ring):
    rows, columns = np.indices(SIZE)
    points = shapely.points(columns + 0.5, rows + 0.5)
    polygon = shapely.Polygon(ring)

    mask = filled(ring, SIZE)

    near = shapely.distance(points, polygon.boundary) < 1e-9
    np.testing.assert_array_equal(mask | near, shapely.contains(polygon, points) | near)


@given(stars)
def test_neighbours_share_no_pixel_and_leave_none_out(ring: Ring):
    inside = filled(ring, SIZE)
    frame = np.array([(0, 0), (12, 0), (12, 9), (0, 9)], float)

    outside = even_odd([frame, ring], SIZE)

    np.testing.assert_array_equal(outside, ~inside)


@given(stars)
def test_the_way_around_does_not_matter(ring: Ring):
    np.testing.assert_array_equal(filled(ring, SIZE), filled(ring[::-1], SIZE))


@given(mask=masks)
@every_example
def test_pixels_are_counted_without_drawing_them(mask: Mask):
    rings = [ring for polygon in polygons_of(mask) for ring in polygon.rings]

    assert num_pixels(rings, Size(*mask.shape)) == mask.sum()


@given(mask=masks)
@every_example
def test_one_ring_with_bridges_gives_the_mask_and_does_not_cross_itself(mask: Mask):
    polygons = polygons_of(mask)
    if polygons:
        ring = bridged(polygons)

        np.testing.assert_array_equal(filled(ring, Size(*mask.shape)), mask)


def test_bridges_of_any_slope_leave_no_trace():
    outer = np.array([(0.3, 0.2), (29.1, 1.7), (27.9, 28.3), (1.2, 29.6)])
    hole = np.array([(9.13, 9.77), (12.2, 19.1), (19.7, 17.3)])
    there = np.concatenate([outer[:1], hole, hole[:1], outer])

    ring = filled(there, Size(30, 30))

    np.testing.assert_array_equal(ring, even_odd([outer, hole], Size(30, 30)))


@pytest.mark.parametrize(
    "points",
    [
        [(1, 1), (8, 8), (8, 1), (1, 8)],
        [(1, 1), (8, 1), (8, 8), (1, 8), (1, 1), (8, 1), (8, 8), (1, 8)],
        [(6, 0), (9, 9), (1, 3), (11, 3), (3, 9)],
    ],
)
def test_a_ring_that_crosses_itself_is_refused(points: list[tuple[int, int]]):
    with pytest.raises(InputError, match="crosses itself, at about x = "):
        filled(np.array(points, float), SIZE)


def test_a_ring_may_leave_the_photo_by_a_pixel():
    ring = np.array([(-1, -1), (13, -1), (13, 10), (-1, 10)], float)

    assert filled(ring, SIZE).all()
    with pytest.raises(InputError, match=r"leaves the photo, 12 x 9, at x = 13\.1, y = -1"):
        filled(ring + np.array([0.1, 0]), SIZE)


def test_more_edges_than_memory_should_be_spent_on_are_refused():
    ring = np.array([(0, 0), (5, 9000)] * 2000 + [(9, 0)], float)

    with pytest.raises(InputError, match="cross 36000000 rows"):
        filled(ring, Size(9000, 10))


def test_no_rings_give_an_empty_mask():
    assert not even_odd([], SIZE).any()
    assert num_pixels([], SIZE) == 0

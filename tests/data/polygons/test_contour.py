import numpy as np
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import ndimage

from data.arrays import Mask
from data.geometry import Size
from data.polygons.contour import DECIMALS, Polygon, polygons_of, signed_area
from data.polygons.filling import even_odd
from tests.data.polygons.mask_examples import EXAMPLES, every_example, mask_of, masks


def drawn(polygons: list[Polygon], mask: Mask) -> Mask:
    """The mask of polygons rounded as they are written."""
    rings = [ring.round(DECIMALS) for polygon in polygons for ring in polygon.rings]
    return even_odd(rings, Size(*mask.shape))


def shape_of(polygons: list[Polygon]) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([shapely.Polygon(p.outer, p.holes) for p in polygons])


def centres(mask: Mask) -> shapely.Geometry:
    rows, columns = np.indices(mask.shape)
    return shapely.points(columns + 0.5, rows + 0.5)


@given(mask=masks)
@every_example
def test_polygons_give_the_mask_again(mask: Mask):
    np.testing.assert_array_equal(drawn(polygons_of(mask), mask), mask)


@given(mask=masks)
@every_example
def test_another_library_finds_the_same_centres_inside(mask: Mask):
    shape = shape_of(polygons_of(mask))

    np.testing.assert_array_equal(shapely.contains(shape, centres(mask)), mask)


@given(masks, st.integers(0, 2**32 - 1))
def test_polygons_of_logits_give_the_mask_again(mask: Mask, seed: int):
    size = 10 ** np.random.default_rng(seed).uniform(-9, 9, mask.shape)
    logits = np.where(mask, size, -size).astype(np.float32)

    polygons = polygons_of(mask, logits=logits)

    np.testing.assert_array_equal(drawn(polygons, mask), mask)


@given(masks)
def test_logits_that_post_processing_overruled_give_its_mask(mask: Mask):
    polygons = polygons_of(mask, logits=np.full(mask.shape, -1e9, np.float32))

    np.testing.assert_array_equal(drawn(polygons, mask), mask)


@given(mask=masks)
@every_example
def test_a_part_is_what_touches_and_a_hole_is_in_its_part(mask: Mask):
    background = np.pad(~mask, 1, constant_values=True)

    polygons = polygons_of(mask)

    parts, num_parts = ndimage.label(mask, np.ones((3, 3)))
    assert len(polygons) == num_parts
    assert sum(len(p.holes) for p in polygons) == ndimage.label(background)[1] - 1
    for polygon in polygons:
        (number,) = np.unique(parts[drawn([polygon], mask)])
        np.testing.assert_array_equal(drawn([polygon], mask), parts == number)


@given(masks, st.sampled_from([0.0, 0.4, 1.0, 3.0]))
def test_no_ring_crosses_itself_or_another(mask: Mask, tolerance: float):
    assert shape_of(polygons_of(mask, tolerance=tolerance)).is_valid


@given(masks)
def test_outer_rings_run_one_way_and_holes_the_other(mask: Mask):
    for polygon in polygons_of(mask, tolerance=0.6):
        assert signed_area(polygon.outer) > 0
        assert all(signed_area(hole) < 0 for hole in polygon.holes)


@given(masks, st.sampled_from([0.4, 1.0, 2.0]))
@example(np.array([[False, True, False], [True, False, False]]), 0.4)
def test_a_tolerance_moves_the_contour_by_no_more(mask: Mask, tolerance: float):
    exact = shape_of(polygons_of(mask))

    simple = polygons_of(mask, tolerance=tolerance)

    assert len(simple) == len(exact.geoms)
    wrong = centres(mask)[drawn(simple, mask) != mask]
    assert (shapely.distance(wrong, exact.boundary) <= tolerance + 0.01).all()


def test_a_tolerance_leaves_out_corners():
    y, x = np.mgrid[:100, :100]
    disc = np.hypot(x - 50, y - 50) < 40

    counts = [len(polygons_of(disc, tolerance=t)[0].outer) for t in (0, 0.5, 1, 2)]

    assert counts == sorted(counts, reverse=True)
    assert counts[2] < counts[0] / 5


def test_straight_edges_have_no_corners_between():
    (polygon,) = polygons_of(np.ones((20, 30), np.bool_))

    assert sorted(polygon.outer.tolist()) == [[0, 0], [0, 20], [30, 0], [30, 20]]


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 2), (3, 4)])
def test_a_pixel_covers_its_square(row: int, column: int):
    mask = np.zeros((4, 5), np.bool_)
    mask[row, column] = True

    (polygon,) = polygons_of(mask)

    np.testing.assert_array_equal(polygon.outer.min(0), (column, row))
    np.testing.assert_array_equal(polygon.outer.max(0), (column + 1, row + 1))


def test_an_object_at_the_border_ends_there():
    logits = np.full((6, 8), 3.0, np.float32)

    (polygon,) = polygons_of(logits > 0, logits=logits)

    np.testing.assert_array_equal(polygon.outer.min(0), (0, 0))
    np.testing.assert_array_equal(polygon.outer.max(0), (8, 6))


def test_the_contour_of_logits_lies_where_they_cross_zero():
    x = np.arange(10) + 0.5
    logits = np.tile((6.3 - x).astype(np.float32), (5, 1))

    (polygon,) = polygons_of(logits > 0, logits=logits)

    corners = sorted(polygon.outer.tolist())
    np.testing.assert_allclose(corners, [(0, 0), (0, 5), (6.3, 0), (6.3, 5)], atol=1e-6)


def test_the_contour_of_logits_is_nearer_to_the_truth():
    y, x = np.mgrid[:60, :60] + 0.5
    logits = (20.25 - np.hypot(x - 29.7, y - 30.4)).astype(np.float32)
    truth = shapely.Point(29.7, 30.4).buffer(20.25, quad_segs=200)

    with_logits = shape_of(polygons_of(logits > 0, logits=logits))
    without = shape_of(polygons_of(logits > 0))

    off, more_off = (shapely.symmetric_difference(s, truth).area for s in (with_logits, without))
    assert off < more_off / 10


def test_the_largest_part_comes_first():
    areas = [signed_area(polygon.outer) for polygon in polygons_of(EXAMPLES["parts"])]

    assert len(areas) == 3
    assert areas == sorted(areas, reverse=True)


def test_an_empty_mask_has_no_polygons():
    assert polygons_of(np.zeros((4, 4), np.bool_)) == []


def test_wrong_calls_are_refused():
    mask = mask_of("#.")

    with pytest.raises(ValueError, match="logits are"):
        polygons_of(mask, logits=np.zeros((2, 2), np.float32))
    with pytest.raises(ValueError, match="0 pixels or more, not -1"):
        polygons_of(mask, tolerance=-1)
    with pytest.raises(ValueError, match="not nan"):
        polygons_of(mask, tolerance=float("nan"))

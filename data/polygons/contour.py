"""From a mask to polygons: outer rings, each with its holes.

The contour runs between the centres of the pixels of the object and those around it. Drawn again by
`data.polygons.filling`, polygons of tolerance 0 give exactly the mask.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from skimage.measure import find_contours

from data.arrays import Mask

Ring = NDArray[np.float64]
"""(N, 2) corners x, y in pixels, the first one not repeated at the end."""

FLATTEST, STEEPEST = 0.02, 20.0
"""Logits nearer to 0, or further from it, are read as these. So the contour keeps 0.001 pixels off
the centres of pixels, and rounding coordinates to `DECIMALS` does not change a mask."""

DECIMALS = 3

ROUNDING = 1e-3
"""Pixels that a tolerance may be off by."""


@dataclass(frozen=True)
class Polygon:
    """One part of an object: pixels that touch, diagonally too, and the holes in it."""

    outer: Ring
    """Its area by the shoelace formula is positive."""
    holes: tuple[Ring, ...] = ()
    """Their areas are negative."""

    @property
    def rings(self) -> tuple[Ring, ...]:
        """The outer ring and those of the holes."""
        return self.outer, *self.holes


def polygons_of(
    mask: Mask, *, logits: NDArray[np.float32] | None = None, tolerance: float = 0.0
) -> list[Polygon]:
    """Return the parts of the object in `mask`, the largest first.

    Args:
        mask: (H, W).
        logits: (H, W) that the mask was made from. The contour then lies where they cross 0, but
            between the same pixels as without them, whatever post-processing has changed.
        tolerance: pixels by which a polygon may leave the contour, in order to have fewer corners.

    Raises:
        ValueError: shapes differ, or `tolerance` is no distance.
    """
    if logits is not None and logits.shape != mask.shape:
        raise ValueError(f"logits are {logits.shape}, their mask is {mask.shape}")
    if not 0 <= tolerance < np.inf:
        raise ValueError(f"a tolerance is 0 pixels or more, not {tolerance}")
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return []
    # The object and the pixels around it; the rest of a photo costs as much again.
    box = np.s_[max(rows[0] - 1, 0) : rows[-1] + 2, max(columns[0] - 1, 0) : columns[-1] + 2]
    # The border's pixels once more, so that contours cross the border straight; then background.
    padded = np.pad(np.pad(mask[box], 1, mode="edge"), 1)
    heights = _heights(padded, None if logits is None else logits[box])
    offset = np.array([box[1].start, box[0].start]) - 1.5  # centre of the padding's first pixel
    return _simplified(_grouped(padded, heights, offset, mask.shape), tolerance)


def rings_of(polygons: Iterable[Polygon]) -> list[Ring]:
    """Return the rings of all `polygons`, in their order."""
    return [ring for polygon in polygons for ring in polygon.rings]


def signed_area(ring: Ring) -> float:
    """Return the area of `ring` in square pixels, negative if it runs the other way."""
    x, y = (ring - ring[0]).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _heights(padded: Mask, logits: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Return values above 0 in the mask and below it elsewhere, between which the contour runs."""
    if logits is None:
        return np.where(padded, np.float32(1), np.float32(-1))
    steepness = np.abs(np.pad(logits, 2, mode="edge")).clip(FLATTEST, STEEPEST)
    return np.where(padded, steepness, -steepness)


def _grouped(
    mask: Mask, heights: NDArray[np.float32], offset: Ring, shape: tuple[int, ...]
) -> list[Polygon]:
    """Return the polygons of a mask that is surrounded by background, the largest first.

    Args:
        mask: (h, w), a part of the padded photo.
        heights: (h, w), between which the contours run.
        offset: (2,) x and y of the centre of its first pixel, in the photo.
        shape: (H, W) of the photo, beyond whose border no corner is left.
    """
    labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)[1]
    outers: dict[int, Ring] = {}
    holes: dict[int, list[Ring]] = {}
    for points in find_contours(heights, 0, fully_connected="high"):
        ring = points[:-1, ::-1]
        # The first point lies between two pixels; the one in the mask says which part it is.
        (left, top), (right, bottom) = np.floor(ring[0]).astype(int), np.ceil(ring[0]).astype(int)
        part = int(max(labels[top, left], labels[bottom, right]))
        in_photo = (ring + offset).clip(0, shape[::-1])
        if signed_area(ring) > 0:
            outers[part] = in_photo
        else:
            holes.setdefault(part, []).append(in_photo)
    polygons = [Polygon(outer, tuple(holes.get(part, ()))) for part, outer in outers.items()]
    return sorted(polygons, key=lambda polygon: -signed_area(polygon.outer))


def _simplified(polygons: list[Polygon], tolerance: float) -> list[Polygon]:
    """Leave out corners; no ring crosses itself or another after that, and none is lost.

    GEOS may leave out the corner that a ring begins with though it is farther off than it may be.
    Then half of the tolerance is tried.
    """
    shapes = [shapely.Polygon(polygon.outer, polygon.holes) for polygon in polygons]
    together = shapely.simplify(shapely.MultiPolygon(shapes), tolerance, preserve_topology=True)
    simpler = [
        Polygon(
            shapely.get_coordinates(part.exterior)[:-1],
            tuple(shapely.get_coordinates(hole)[:-1] for hole in part.interiors),
        )
        for part in shapely.get_parts(together)
    ]
    pairs = zip(rings_of(polygons), rings_of(simpler), strict=True)
    if any(_beginning_off(ring, kept) > tolerance + ROUNDING for ring, kept in pairs):
        return _simplified(polygons, tolerance / 2) if tolerance > ROUNDING else polygons
    return simpler


def _beginning_off(ring: Ring, kept: Ring) -> float:
    """Return by how many pixels `ring` about its beginning is off the edge of `kept` there."""
    places = np.flatnonzero(np.isin(_as_complex(ring), _as_complex(kept)))
    first, last = places[0], places[-1]
    left_out = np.concatenate([ring[last + 1 :], ring[:first]])
    edge = shapely.LineString([ring[last], ring[first]])
    return float(shapely.distance(shapely.points(left_out), edge).max(initial=0.0))


def _as_complex(ring: Ring) -> NDArray[np.complex128]:
    """Return each corner as one number, so that whole corners are compared."""
    return ring[:, 0] + 1j * ring[:, 1]

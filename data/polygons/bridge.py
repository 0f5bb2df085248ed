"""Several rings as one, for formats without holes: bridges of no width lead from ring to ring.

A bridge is an edge there and the same edge back. It holds no pixel's centre and encloses no area; a
program that also fills the pixels an edge touches, such as OpenCV, draws it one pixel wide.
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from data.polygons.contour import Polygon, Ring


def bridged(polygons: Sequence[Polygon]) -> Ring:
    """Return one ring around all `polygons` but not their holes.

    Each hole is tied to its outer ring and each polygon to the first one, where they are nearest.

    Args:
        polygons: one at least; holes run the other way than outer rings.
    """
    first, *others = polygons
    return _tied(first.outer, [*first.holes, *(_tied(p.outer, p.holes) for p in others)])


def _tied(ring: Ring, others: Sequence[Ring]) -> Ring:
    """Return `ring` with a detour to each of `others`."""
    if not others:
        return ring
    tree = cKDTree(ring)
    detours: dict[int, list[Ring]] = {}
    for other in others:
        distances, corners = tree.query(other)
        nearest = int(distances.argmin())
        corner = int(corners[nearest])
        # Around the other ring back to where it was entered, and back to this one's corner.
        around = [np.roll(other, -nearest, 0), other[nearest : nearest + 1]]
        detours.setdefault(corner, []).extend([*around, ring[corner : corner + 1]])
    pieces = [
        piece
        for corner in range(len(ring))
        for piece in (ring[corner : corner + 1], *detours.get(corner, ()))
    ]
    return np.concatenate(pieces)

"""Shapes whose coverage is known, and fields that are zero on their contours."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Field = Callable[[Floats, Floats], Floats]
"""Of rows and columns; above zero inside."""

SIDE = 64
FINE = 32
"""Samples along a pixel's side in the slow twin."""


def disc_field(row: float, column: float, radius: float) -> Field:
    return lambda y, x: radius - np.hypot(y - row, x - column)


def slanted_field(degrees: float) -> Field:
    angle = np.radians(degrees)
    return lambda y, x: (x - 30.25) * np.cos(angle) + (y - 31.5) * np.sin(angle)


def at_centres(field: Field) -> NDArray[np.float32]:
    """The field at the centres of pixels."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    return field(y, x).astype(np.float32)


def true_coverage(field: Field) -> Floats:
    """The share of each pixel inside, by many samples."""
    fine = (np.arange(SIDE * FINE) + 0.5) / FINE - 0.5
    inside = field(fine[:, None], fine[None]) > 0
    mean: Floats = inside.reshape(SIDE, FINE, SIDE, FINE).mean(axis=(1, 3))
    return mean


def inner(picture: NDArray[np.generic]) -> NDArray[np.generic]:
    """Without the pixels at the photo's edge, beyond which nothing is known."""
    return picture[4:-4, 4:-4]

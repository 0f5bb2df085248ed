"""The atlas: one flat picture with the skin of every part of the car.

It holds the body's side, the ribbon over bonnet and roof, a wheel's face, and swatches of
plain materials. A quad names its place in the atlas, and shading looks up what is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.studio.mesh import FloatArray

MARGIN = 0.08
TOP = 2.0
"""Metres: the atlas has room for bodies up to this height and width."""

WHEEL = 1.0
"""Metres: the side of the square with a wheel's face, whatever the wheel's radius."""

SWATCH = 12
"""Pixels: the side of a swatch."""

BITS = 4
"""Fixed-point bits of the coordinates that OpenCV draws with."""


@dataclass(frozen=True)
class Material:
    """What a surface is like.

    Attributes:
        colour: sRGB, 0 to 255; of glass, the light that it lets through.
        mirror: share of the light that it reflects straight on, 0 to 1.
        glass: share of it that is transparent, 0 to 1.
        hole: share of it that is not there, 0 to 1.
    """

    colour: tuple[float, float, float]
    mirror: float = 0.0
    glass: float = 0.0
    hole: float = 0.0


@dataclass(frozen=True)
class Layout:
    """Where things lie in the atlas.

    Attributes:
        scale: atlas pixels in a metre.
        length: of the car, metres.
        along: of its outline, metres.
    """

    scale: float
    length: float
    along: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the atlas."""
        wide = max(self.length + WHEEL, self.along) + 3 * MARGIN
        tall = 2 * (TOP + 2 * MARGIN)
        return int(tall * self.scale) + 2 * SWATCH, int(wide * self.scale) + 1

    def side(self, x: FloatArray, z: FloatArray) -> FloatArray:
        """Return (..., 2) atlas column and row of a point of the body's side."""
        return self.scale * np.stack(np.broadcast_arrays(x + MARGIN, TOP + MARGIN - z), axis=-1)

    def ribbon(self, along: FloatArray, y: FloatArray) -> FloatArray:
        """Return (..., 2) atlas column and row of a point of the ribbon."""
        row = 1.5 * TOP + 3 * MARGIN - y
        return self.scale * np.stack(np.broadcast_arrays(along + MARGIN, row), axis=-1)

    def wheel(self, x: FloatArray, z: FloatArray) -> FloatArray:
        """Return (..., 2) atlas column and row of a point of a wheel's face, in radii."""
        column = self.length + 2 * MARGIN + WHEEL / 2 + x * 0.48 * WHEEL
        row = MARGIN + WHEEL / 2 - z * 0.48 * WHEEL
        return self.scale * np.stack(np.broadcast_arrays(column, row), axis=-1)

    def swatch(self, index: int) -> FloatArray:
        """Return (2,) atlas column and row of the middle of a swatch."""
        rows, _ = self.shape
        return np.array([(index + 0.5) * SWATCH, rows - 1 - SWATCH / 2])


class Atlas:
    """The atlas while it is painted, and after.

    Attributes:
        layout: where things lie.
        colour: (rows, columns, 3) uint8, sRGB.
        surface: (rows, columns, 3) uint8: mirror, glass and hole, 255 for all of it.
    """

    def __init__(self, layout: Layout, ground: Material) -> None:
        self.layout = layout
        self.colour: NDArray[np.uint8] = np.empty((*layout.shape, 3), np.uint8)
        self.surface: NDArray[np.uint8] = np.empty((*layout.shape, 3), np.uint8)
        self.colour[:] = np.round(ground.colour)
        self.surface[:] = np.round(_surface(ground))

    def fill(self, polygon: FloatArray, material: Material) -> None:
        """Paint a (P, 2) polygon in atlas pixels."""
        places = [fixed(polygon)]
        cv2.fillPoly(self.colour, places, material.colour, cv2.LINE_AA, BITS)
        cv2.fillPoly(self.surface, places, _surface(material), cv2.LINE_AA, BITS)

    def line(self, path: FloatArray, width: float, material: Material) -> None:
        """Paint a (P, 2) path in atlas pixels, `width` metres wide."""
        thickness = max(1, round(width * self.layout.scale))
        places = [fixed(path)]
        cv2.polylines(self.colour, places, False, material.colour, thickness, cv2.LINE_AA, BITS)
        if thickness > 1:
            values = _surface(material)
            cv2.polylines(self.surface, places, False, values, thickness, cv2.LINE_AA, BITS)

    def cover(self, area: NDArray[np.uint8], material: Material) -> None:
        """Paint where `area` is, (rows, columns) from the atlas's first corner, 255 for all."""
        rows, columns = area.shape
        share = area[..., None].astype(np.float32) / 255
        for canvas, value in ((self.colour, material.colour), (self.surface, _surface(material))):
            part = canvas[:rows, :columns]
            part[:] = np.round(part + share * (np.asarray(value, np.float32) - part))

    def swatches(self, materials: Sequence[Material]) -> None:
        """Paint the swatches, in order."""
        for index, material in enumerate(materials):
            column, row = self.layout.swatch(index)
            at = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (SWATCH / 2)
            self.fill(np.array([column, row]) + at, material)


def fixed(points: FloatArray) -> NDArray[np.int32]:
    """Return atlas pixels as OpenCV takes them, in fixed point."""
    return np.asarray(np.round(points * 2**BITS), np.int32)


def _surface(material: Material) -> tuple[float, float, float]:
    return 255 * material.mirror, 255 * material.glass, 255 * material.hole

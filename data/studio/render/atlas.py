"""The atlas: one flat picture with the skin of every surface, painted in atlas pixels.

A quad names its place in the atlas, and shading looks up what is there.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.studio.render.mesh import FloatArray

Colour = tuple[float, float, float]
"""sRGB, 0 to 255."""

PAINT_MIRROR = 0.075
"""Share of light that car paint mirrors; what mirrors as much is taken for paint."""

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

    colour: Colour
    mirror: float = 0.0
    glass: float = 0.0
    hole: float = 0.0

    @property
    def surface(self) -> tuple[float, float, float]:
        """Mirror, glass and hole, from 0 to 255."""
        return 255 * self.mirror, 255 * self.glass, 255 * self.hole


class Atlas:
    """The atlas while it is painted, and after.

    Attributes:
        colour: (rows, columns, 3) uint8, sRGB.
        surface: (rows, columns, 3) uint8: mirror, glass and hole, 255 for all of it.
    """

    def __init__(self, shape: tuple[int, int], ground: Material) -> None:
        self.colour: NDArray[np.uint8] = np.empty((*shape, 3), np.uint8)
        self.surface: NDArray[np.uint8] = np.empty((*shape, 3), np.uint8)
        self.colour[:] = np.round(ground.colour)
        self.surface[:] = np.round(ground.surface)

    def fill(self, polygon: FloatArray, material: Material) -> None:
        """Paint a (P, 2) polygon."""
        places = [fixed(polygon)]
        cv2.fillPoly(self.colour, places, material.colour, cv2.LINE_AA, BITS)
        cv2.fillPoly(self.surface, places, material.surface, cv2.LINE_AA, BITS)

    def line(self, path: FloatArray, thickness: int, material: Material) -> None:
        """Paint a (P, 2) path."""
        places = [fixed(path)]
        cv2.polylines(self.colour, places, False, material.colour, thickness, cv2.LINE_AA, BITS)
        if thickness > 1:
            values = material.surface
            cv2.polylines(self.surface, places, False, values, thickness, cv2.LINE_AA, BITS)

    def cover(self, area: NDArray[np.uint8], material: Material) -> None:
        """Paint where `area` is, (rows, columns) from the atlas's first corner, 255 for all."""
        rows, columns = area.shape
        share = area[..., None].astype(np.float32) / 255
        for canvas, value in ((self.colour, material.colour), (self.surface, material.surface)):
            part = canvas[:rows, :columns]
            part[:] = np.round(part + share * (np.asarray(value, np.float32) - part))


def fixed(points: FloatArray) -> NDArray[np.int32]:
    """Return atlas pixels as OpenCV takes them, in fixed point."""
    return np.asarray(np.round(points * 2**BITS), np.int32)

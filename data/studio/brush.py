"""Paint on the atlas in metres of the car."""

from collections.abc import Sequence

import numpy as np

from data.studio.atlas import Atlas, Material
from data.studio.hull import EDGE_RADIUS, Outline, half_width
from data.studio.materials import darker
from data.studio.mesh import FloatArray
from data.studio.scene import Scene

Point = tuple[float, float]
"""x and z on a side; metres along the outline and y on the ribbon."""

GAP = 0.0055
"""Metres: width of a shut line."""


class Brush:
    """The atlas of a car, and where on it the car's places lie.

    Attributes:
        scene: the car.
        style: its proportions.
        shape: its outline.
        atlas: what is painted on.
        gap: the material of shut lines.
    """

    def __init__(self, scene: Scene, shape: Outline, atlas: Atlas) -> None:
        self.scene = scene
        self.style = scene.style
        self.shape = shape
        self.atlas = atlas
        self.gap = darker(scene.paint, 0.3)

    def x(self, share: float) -> float:
        """Metres from the nose at a share of the length."""
        return share * self.style.length

    def side(self, points: Sequence[Point]) -> FloatArray:
        """Return (P, 2) atlas places of points on the side."""
        x, z = np.array(points, float).T
        return self.atlas.layout.side(x, z)

    def ribbon(self, points: Sequence[Point]) -> FloatArray:
        """Return (P, 2) atlas places of points on the ribbon."""
        along, y = np.array(points, float).T
        return self.atlas.layout.ribbon(along, y)

    def fill_side(self, material: Material, points: Sequence[Point]) -> None:
        """Fill a polygon on the side."""
        self.atlas.fill(self.side(points), material)

    def fill_both(self, material: Material, points: Sequence[Point]) -> None:
        """Fill a polygon on the ribbon, and its mirror image."""
        self.atlas.fill(self.ribbon(points), material)
        self.atlas.fill(self.ribbon([(along, -y) for along, y in points]), material)

    def fill_band(self, material: Material, start: float, end: float, margin: float) -> None:
        """Fill the ribbon between two places along it, but for a `margin` at its edges."""
        along = np.linspace(start, end, 24)
        y = self.edge(along) - margin
        outline = self.atlas.layout.ribbon(np.r_[along, along[::-1]], np.r_[y, -y[::-1]])
        self.atlas.fill(outline, material)

    def line_side(self, material: Material, points: Sequence[Point], width: float = GAP) -> None:
        """Draw a path on the side."""
        self.atlas.line(self.side(points), width, material)

    def line_ribbon(self, material: Material, points: Sequence[Point], width: float = GAP) -> None:
        """Draw a path on the ribbon."""
        self.atlas.line(self.ribbon(points), width, material)

    def edge(self, along: FloatArray | float) -> FloatArray:
        """Return half the ribbon's width."""
        x = np.interp(along, self.shape.along, self.shape.inset[:, 0])
        z = np.interp(along, self.shape.along, self.shape.inset[:, 1])
        return half_width(self.style, x, z) - EDGE_RADIUS

    def place(self, at: tuple[float, float]) -> float:
        """Return the metres along the outline of a style's (share, height)."""
        return self.shape.along_at(self.x(at[0]), at[1])

    def nose_at(self, z: float) -> float:
        """Return the metres along the outline where the nose has height `z`."""
        last = int(np.argmax(self.shape.top[:, 1] > self.style.nose))
        return float(np.interp(z, self.shape.top[:last, 1], self.shape.along[:last]))

    def tail_at(self, z: float) -> float:
        """Return the metres along the outline where the tail has height `z`."""
        top = self.shape.top[::-1]
        last = int(np.argmax(top[:, 1] > self.style.deck[1] - 0.02))
        return float(np.interp(z, top[:last, 1], self.shape.along[::-1][:last]))

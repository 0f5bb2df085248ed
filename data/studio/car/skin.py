"""Where the car's skin lies in the atlas, and painting on it in metres.

The atlas holds the body's side, the ribbon over bonnet and roof, a wheel's face, and swatches of
plain materials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.studio.car.design import CarDesign, darker
from data.studio.car.outline import EDGE_RADIUS, Outline, half_width
from data.studio.render.atlas import Atlas, Material
from data.studio.render.mesh import FloatArray

Point = tuple[float, float]
"""x and z on a side; metres along the outline and y on the ribbon."""

MARGIN = 0.08
TOP = 2.0
"""Metres: the atlas has room for bodies up to this height and width."""

WHEEL = 1.0
"""Metres: the side of the square with a wheel's face, whatever the wheel's radius."""

SWATCHES = ("paint", "plastic", "silver", "looking glass", "well", "dash", "seats")
SWATCH = 12
"""Pixels: the side of a swatch."""

GAP = 0.0055
"""Metres: width of a shut line."""


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

    def swatch(self, name: str) -> FloatArray:
        """Return (2,) atlas column and row of the middle of one of the `SWATCHES`."""
        rows, _ = self.shape
        return np.array([(SWATCHES.index(name) + 0.5) * SWATCH, rows - 1 - SWATCH / 2])


class Brush:
    """The atlas of a car, painted in metres of the car.

    Attributes:
        style: the car's proportions.
        trim: its details.
        paint: its colour.
        gap: the material of its shut lines.
        outline: its outline.
        layout: where its places lie in the atlas.
        atlas: what is painted on.
    """

    def __init__(self, design: CarDesign, outline: Outline, layout: Layout) -> None:
        self.style = design.style
        self.trim = design.trim
        self.paint = design.paint
        self.gap = darker(design.paint, 0.3)
        self.outline = outline
        self.layout = layout
        self.atlas = Atlas(layout.shape, design.paint)

    def side(self, points: Sequence[Point] | FloatArray) -> FloatArray:
        """Return (P, 2) atlas places of points on the side."""
        return self.layout.side(*np.array(points, float).T)

    def ribbon(self, points: Sequence[Point] | FloatArray) -> FloatArray:
        """Return (P, 2) atlas places of points on the ribbon."""
        return self.layout.ribbon(*np.array(points, float).T)

    def fill_side(self, material: Material, points: Sequence[Point] | FloatArray) -> None:
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
        self.atlas.fill(self.layout.ribbon(np.r_[along, along[::-1]], np.r_[y, -y[::-1]]), material)

    def fill_wheel(self, material: Material, x: FloatArray, z: FloatArray) -> None:
        """Fill a polygon on the wheel's face, in radii."""
        self.atlas.fill(self.layout.wheel(x, z), material)

    def fill_swatch(self, name: str, material: Material) -> None:
        """Fill one of the `SWATCHES`."""
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (SWATCH / 2)
        self.atlas.fill(self.layout.swatch(name) + corners, material)

    def line_side(self, material: Material, points: Sequence[Point], width: float = GAP) -> None:
        """Draw a path on the side."""
        self.atlas.line(self.side(points), self.pixels(width), material)

    def line_ribbon(
        self, material: Material, points: Sequence[Point] | FloatArray, width: float = GAP
    ) -> None:
        """Draw a path on the ribbon."""
        self.atlas.line(self.ribbon(points), self.pixels(width), material)

    def pixels(self, width: float) -> int:
        """Return metres in atlas pixels, at least one."""
        return max(1, round(width * self.layout.scale))

    def x(self, share: float) -> float:
        """Return the metres from the nose at a share of the length."""
        return share * self.style.length

    def edge(self, along: FloatArray | float) -> FloatArray:
        """Return half the ribbon's width."""
        x = np.interp(along, self.outline.along, self.outline.inset[:, 0])
        z = np.interp(along, self.outline.along, self.outline.inset[:, 1])
        return half_width(self.style, x, z) - EDGE_RADIUS

    def place(self, at: tuple[float, float]) -> float:
        """Return the metres along the outline of a style's (share, height)."""
        return self.outline.along_at(self.x(at[0]), at[1])

    def nose_at(self, z: float) -> float:
        """Return the metres along the outline where the nose has height `z`."""
        last = int(np.argmax(self.outline.top[:, 1] > self.style.nose))
        return float(np.interp(z, self.outline.top[:last, 1], self.outline.along[:last]))

    def tail_at(self, z: float) -> float:
        """Return the metres along the outline where the tail has height `z`."""
        top = self.outline.top[::-1]
        last = int(np.argmax(top[:, 1] > self.style.deck[1] - 0.02))
        return float(np.interp(z, top[:last, 1], self.outline.along[::-1][:last]))

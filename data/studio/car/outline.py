"""The car's shape in numbers: its outline from the side, made round, and its width everywhere.

x runs from the nose (0) to the tail, y to the car's left, z up from the floor, in metres.

Shapes: I stations from nose to tail.
"""

from dataclasses import dataclass

import numpy as np

from data.studio.car.styles import BodyStyle
from data.studio.render.mesh import FloatArray

STATIONS = 190
EDGE_RADIUS = 0.075


@dataclass(frozen=True)
class Outline:
    """A car from the side.

    Attributes:
        top: (I, 2) x and z, from the front bumper over the roof to the rear bumper.
        inset: (I, 2) `top` moved inwards by the edge radius: there the flat side begins.
        bottom: (I, 2) the sill below each station.
        along: (I,) metres along `top`.
    """

    top: FloatArray
    inset: FloatArray
    bottom: FloatArray
    along: FloatArray

    def along_at(self, x: float, z: float) -> float:
        """Return the metres along `top` nearest to a point."""
        return float(self.along[np.argmin(np.hypot(self.top[:, 0] - x, self.top[:, 1] - z))])

    def height_at(self, x: FloatArray | float) -> FloatArray:
        """Return the height of the outline over `x`."""
        order = np.argsort(self.top[:, 0], kind="stable")
        return np.asarray(np.interp(x, self.top[order, 0], self.top[order, 1]))


def outline_of(style: BodyStyle) -> Outline:
    """Return the outline of a body style."""
    top, along = _resample(rounded(control_points(style)), STATIONS)
    normal = np.gradient(top, axis=0)[:, ::-1] * [1.0, -1.0]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    radius = EDGE_RADIUS * np.clip((top[:, 1] - style.clearance) / 0.4, 0.3, 1)[:, None]
    inset = _smooth(top + normal * radius)
    inset[:, 1] = np.maximum(inset[:, 1], top[[0, -1], 1].min())
    x = np.clip(top[:, 0], top[0, 0], top[-1, 0])
    first, last = style.axles[0] * style.length, style.axles[1] * style.length
    z = np.interp(
        x,
        [top[0, 0], first, last, top[-1, 0]],
        [top[0, 1], style.clearance, style.clearance, top[-1, 1]],
    )
    return Outline(top, inset, np.stack([x, z], axis=1), along)


def half_width(style: BodyStyle, x: FloatArray | float, z: FloatArray | float) -> FloatArray:
    """Return the distance of the side from the car's middle at (x, z)."""
    share = np.asarray(x) / style.length
    plan = 1 - 0.13 * np.abs(2 * share - 1) ** 4
    belt = belt_height(style, x)
    level = (z - style.clearance) / (belt - style.clearance)
    tucked = 0.085 * np.clip((0.50 - level) / 0.50, 0, 1) ** 2
    shoulder = 0.055 * np.clip((level - 0.72) / 0.28, 0, 1) ** 1.5
    crease = 0.010 * np.exp(-(((level - 0.74) / 0.06) ** 2))
    crease = crease + 0.014 * np.exp(-(((level - 0.20) / 0.09) ** 2))
    lean = np.clip((z - belt) / (style.height - belt), 0, 1.2)
    above = style.tumblehome * lean**1.2 + 0.02 * np.clip(lean / 0.15, 0, 1)
    result: FloatArray = style.width / 2 * plan * (1 - tucked - shoulder + crease) - above
    return result


def belt_height(style: BodyStyle, x: FloatArray | float) -> FloatArray:
    """Return the height of the side windows' lower edge at `x`."""
    low, high = style.belt
    slope = (high - low) / (0.55 * style.length)
    return low + slope * (np.asarray(x) - style.cowl[0] * style.length)


def bow(style: BodyStyle, x: FloatArray, y: FloatArray) -> FloatArray:
    """Return how far a point is moved along x, so that nose and tail are round from above."""
    share = x / style.length
    front = 0.30 * np.clip(1 - share / 0.16, 0, 1) ** 1.5
    rear = 0.17 * np.clip(1 - (1 - share) / 0.14, 0, 1) ** 1.5
    glass = 0.07 * np.clip(1 - np.abs(share - style.cowl[0] - 0.04) / 0.16, 0, 1)
    result: FloatArray = (front + glass - rear) * np.abs(2 * y / style.width) ** 2.4
    return result


def control_points(style: BodyStyle) -> FloatArray:
    """Return the (P, 2) points that the outline is drawn along, from nose to tail."""
    length = style.length
    cowl_x, cowl_z = style.cowl
    front, rear = style.roof
    glass_x, glass_z = style.rear_glass
    deck_x, deck_z = style.deck
    bonnet = (0.045 + 0.55 * (cowl_x - 0.045), style.nose + 0.72 * (cowl_z - style.nose))
    points = [
        (0.032, style.clearance + 0.01),
        (0.006, style.clearance + 0.11),
        (0.0, 0.5 * (style.clearance + style.nose)),
        (0.012, style.nose - 0.06),
        (0.045, style.nose + 0.02),
        bonnet,
        (cowl_x, cowl_z),
        (front, style.height - 0.055),
        (0.55 * front + 0.45 * rear, style.height),
        (rear, style.height - style.roof_drop),
        (glass_x, glass_z),
        (0.5 * (glass_x + deck_x), 0.5 * (glass_z + deck_z) + 0.008),
        (deck_x, deck_z),
        (deck_x + 0.012, deck_z - 0.22),
        (1.0, 0.5 * (style.clearance + deck_z) + 0.02),
        (0.997, style.clearance + 0.17),
        (0.97, style.clearance + 0.06),
    ]
    return np.array(points) * [length, 1.0]


def rounded(points: FloatArray) -> FloatArray:
    """Return a smooth curve along `points`: corners are cut off, straight runs stay straight."""
    corners = points[1:-1]

    def beside(neighbours: FloatArray) -> FloatArray:
        step = neighbours - corners
        length = np.hypot(*step.T)[:, None]
        place: FloatArray = corners + step * np.minimum(0.38, 0.32 / length)
        return place

    # A corner is rounded between two points beside it, so that the rest of its sides is straight.
    near = np.stack([beside(points[:-2]), corners, beside(points[2:])], axis=1).reshape(-1, 2)
    curve = np.concatenate([points[:1], near, points[-1:]])
    for _ in range(3):
        curve = corners_cut(curve)
    return curve


def corners_cut(curve: FloatArray) -> FloatArray:
    """Return `curve` after one step of Chaikin's subdivision; its ends stay."""
    near = 0.75 * curve[:-1] + 0.25 * curve[1:]
    far = 0.25 * curve[:-1] + 0.75 * curve[1:]
    cut = np.stack([near, far], axis=1).reshape(-1, 2)
    return np.concatenate([curve[:1], cut, curve[-1:]])


def _resample(curve: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    steps = np.hypot(*np.diff(curve, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    even = np.linspace(0, along[-1], count)
    columns = [np.interp(even, along, curve[:, axis]) for axis in (0, 1)]
    return np.stack(columns, axis=1), even


def _smooth(curve: FloatArray) -> FloatArray:
    """Return `curve` without the loops that an inset makes at tight corners."""
    smooth = curve.copy()
    for _ in range(6):
        smooth[1:-1] = 0.25 * smooth[:-2] + 0.5 * smooth[1:-1] + 0.25 * smooth[2:]
    return smooth

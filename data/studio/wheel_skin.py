"""Paint a wheel's face: tyre, rim and spokes over the brake."""

import numpy as np

from data.studio.atlas import Atlas, Material
from data.studio.materials import BEHIND_SPOKES, BRAKE, SIDEWALL, TYRE, darker
from data.studio.mesh import FloatArray
from data.studio.scene import Trim

RIM = 0.70
"""Radius of the rim, in radii of the wheel."""


def paint_wheel(atlas: Atlas, trim: Trim) -> None:
    """Paint the wheel that all four wheels show."""
    metal = Material(trim.rim, mirror=0.12)
    shade = darker(metal, 0.5)
    for radius, material in (
        (1.04, TYRE),
        (0.95, SIDEWALL),
        (0.86, TYRE),
        (0.82, SIDEWALL),
        (RIM + 0.03, BEHIND_SPOKES),
        (RIM, metal),
        (RIM - 0.045, shade),
        (RIM - 0.07, BEHIND_SPOKES),
        (0.42, BRAKE),
        (0.26, BEHIND_SPOKES),
    ):
        atlas.fill(_ring(atlas, radius), material)
    turns = 2 * np.pi * (np.arange(trim.spokes) + 0.5) / trim.spokes
    # Each spoke has a shaded flank, set off a little, that makes it look deep.
    for turn in turns.tolist():
        lit = darker(metal, 0.86 + 0.16 * float(np.sin(turn)))
        core = darker(metal, 0.78 + 0.1 * float(np.cos(turn)))
        atlas.fill(_spoke(atlas, turn, trim.spoke_width + 0.012, 0.022), shade)
        atlas.fill(_spoke(atlas, turn, trim.spoke_width, 0.0), lit)
        atlas.fill(_spoke(atlas, turn, 0.35 * trim.spoke_width, 0.0), core)
    for radius, material in ((0.17, shade), (0.155, metal), (0.075, BEHIND_SPOKES)):
        atlas.fill(_ring(atlas, radius), material)
    for turn in 2 * np.pi * np.arange(5) / 5:
        atlas.fill(_ring(atlas, 0.018, 0.115, float(turn)), BEHIND_SPOKES)


def _ring(atlas: Atlas, radius: float, off: float = 0.0, turn: float = 0.0) -> FloatArray:
    circle = np.linspace(0, 2 * np.pi, 72)
    x = off * np.cos(turn) + radius * np.cos(circle)
    z = off * np.sin(turn) + radius * np.sin(circle)
    return atlas.layout.wheel(x, z)


def _spoke(atlas: Atlas, turn: float, width: float, offset: float) -> FloatArray:
    near, far = 0.10, RIM - 0.03
    along = np.array([near, far, far, near])
    across = np.array([-0.75, -1.0, 1.0, 0.75]) * width
    x = along * np.cos(turn) - across * np.sin(turn) + offset
    z = along * np.sin(turn) + across * np.cos(turn) - offset
    return atlas.layout.wheel(x, z)

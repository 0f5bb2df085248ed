"""Paint the ribbon over the car: bonnet, windscreen, roof, rear window."""

import numpy as np

from data.studio.atlas import TOP, Material
from data.studio.brush import GAP, Brush
from data.studio.hull import belt_height
from data.studio.materials import BLACK, PLASTIC, darker


def paint_roof(brush: Brush) -> None:
    """Paint a roof that is not of the car's colour, down to the side windows."""
    style, roof = brush.style, brush.scene.trim.roof
    if roof == brush.scene.paint:
        return
    x = np.linspace(style.cowl[0], style.rear_glass[0], 40) * style.length
    lower = belt_height(style, x) + 0.05
    outline = brush.atlas.layout.side(np.r_[x, x[::-1]], np.r_[lower, 0 * x + TOP])
    brush.atlas.fill(outline, roof)
    brush.fill_band(roof, brush.place(style.cowl), brush.place(style.rear_glass), 0)


def paint_top(brush: Brush) -> None:
    """Paint bonnet, windscreen and rear window."""
    _paint_bonnet(brush)
    _paint_windscreen(brush)
    _paint_rear_window(brush)
    if brush.style.name == "pickup":
        foot, end = brush.place(brush.style.rear_glass), brush.place(brush.style.deck)
        brush.fill_band(Material((30, 30, 31)), foot + 0.1, end - 0.08, 0.03)


def _paint_bonnet(brush: Brush) -> None:
    style = brush.style
    front = brush.place((0.045, style.nose)) + 0.05
    along = np.linspace(front, brush.place(style.cowl) - 0.06, 12)
    edge = brush.edge(along)
    crease = np.linspace(0.55, 0.78, 12) * edge
    for sign in (1, -1):
        layout = brush.atlas.layout
        brush.atlas.line(layout.ribbon(along, sign * (edge - 0.015)), GAP, brush.gap)
        soft = darker(brush.scene.paint, 0.92)
        brush.atlas.line(layout.ribbon(along, sign * crease), 0.012, soft)
    y = float(edge[0]) - 0.015
    bend = [(front, y), (front - 0.05, 0.6 * y), (front - 0.07, 0.0)]
    brush.line_ribbon(brush.gap, [*bend, *((at, -across) for at, across in bend[1::-1])])


def _paint_windscreen(brush: Brush) -> None:
    style = brush.style
    cowl = brush.place(style.cowl)
    roof = brush.place((style.roof[0], style.height - 0.055))
    brush.fill_band(PLASTIC, cowl - 0.1, cowl + 0.06, 0)
    brush.fill_band(BLACK, cowl + 0.03, roof - 0.05, 0)
    glass = Material(brush.scene.trim.front_tint, mirror=0.06, glass=1)
    brush.fill_band(glass, cowl + 0.08, roof - 0.1, 0.03)
    for y in (0.1, -0.35):
        brush.line_ribbon(BLACK, [(cowl + 0.06, y + 0.42), (cowl + 0.12, y)], 0.014)
    brush.line_ribbon(BLACK, [(roof - 0.11, -0.12), (roof - 0.11, 0.12)], 0.07)


def _paint_rear_window(brush: Brush) -> None:
    style = brush.style
    roof = brush.place((style.roof[1], style.height - style.roof_drop))
    foot = brush.place(style.rear_glass)
    brush.fill_band(BLACK, roof + 0.08, foot - 0.04, 0.02)
    glass = Material(brush.scene.trim.rear_tint, mirror=0.08, glass=1)
    brush.fill_band(glass, roof + 0.13, foot - 0.09, 0.06)

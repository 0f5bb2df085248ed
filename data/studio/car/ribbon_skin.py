"""Paint the ribbon over the car: nose, bonnet, windscreen, roof, rear window, tail."""

import numpy as np

from data.studio.car.design import (
    BLACK,
    CHROME,
    LAMP,
    LAMP_DARK,
    LAMP_DEEP,
    PLASTIC,
    PLATE,
    PLATE_INK,
    RED,
    RED_BRIGHT,
    SILVER,
    darker,
)
from data.studio.car.outline import belt_height
from data.studio.car.side_skin import bumper_line, sill_heights, tail_lamp
from data.studio.car.skin import TOP, Brush, Point
from data.studio.render.atlas import Material


def paint_roof(brush: Brush) -> None:
    """Paint a roof that is not of the car's colour, down to the side windows."""
    style, roof = brush.style, brush.trim.roof
    if roof == brush.paint:
        return
    x = np.linspace(style.cowl[0], style.rear_glass[0], 40) * style.length
    lower = belt_height(style, x) + 0.05
    brush.fill_side(roof, np.stack([np.r_[x, x[::-1]], np.r_[lower, 0 * x + TOP]], axis=1))
    brush.fill_band(roof, brush.place(style.cowl), brush.place(style.rear_glass), 0)


def paint_top(brush: Brush) -> None:
    """Paint bonnet, windscreen and rear window."""
    _paint_bonnet(brush)
    _paint_windscreen(brush)
    _paint_rear_window(brush)
    if brush.style.name == "pickup":
        foot, end = brush.place(brush.style.rear_glass), brush.place(brush.style.deck)
        brush.fill_band(Material((30, 30, 31)), foot + 0.1, end - 0.08, 0.03)


def paint_front(brush: Brush) -> None:
    """Paint the nose."""
    at, low = brush.nose_at, brush.style.clearance
    half = brush.style.width / 2
    _paint_headlamps(brush, half)
    sill, _, _ = sill_heights(brush)
    brush.fill_both(PLASTIC, _box(-0.1, at(sill), 0, half))
    brush.fill_both(
        BLACK,
        [
            (at(low + 0.1), 0),
            (at(low + 0.1), 0.5 * half),
            (at(low + 0.22), 0.56 * half),
            (at(low + 0.22), 0),
        ],
    )
    brush.fill_both(BLACK, _box(at(low + 0.12), at(low + 0.22), 0.68 * half, 0.86 * half))
    _paint_round(brush, at(low + 0.17), 0.76 * half, ((0.04, CHROME), (0.033, LAMP)))
    _paint_grille(brush, half)
    if brush.trim.front_plate:
        _paint_plate(brush, at(low + 0.2), at(low + 0.33))


def paint_rear(brush: Brush) -> None:
    """Paint the tail."""
    at, half = brush.tail_at, brush.style.width / 2
    low, high = tail_lamp(brush)
    brush.fill_both(
        RED, [(at(low), 0.66 * half), (at(high), 0.6 * half), (at(high), half), (at(low), half)]
    )
    brush.fill_both(RED_BRIGHT, _box(at(high - 0.12), at(high - 0.085), 0.65 * half, half))
    brush.fill_both(LAMP, _box(at(low + 0.03), at(low + 0.06), 0.7 * half, 0.86 * half))
    _, _, sill = sill_heights(brush)
    brush.fill_both(PLASTIC, _box(at(sill), brush.outline.along[-1] + 0.1, 0, half))
    bumper = at(bumper_line(brush))
    brush.line_ribbon(brush.gap, [(bumper, -half), (bumper, half)])
    for y in (0.6 * half, -0.6 * half):
        brush.line_ribbon(brush.gap, [(bumper, 1.04 * y), (at(high) - 0.03, y)])
    _paint_plate(brush, at(low + 0.13), at(low))
    if brush.trim.chrome:
        brush.line_ribbon(CHROME, [(at(high - 0.02), -0.3), (at(high - 0.02), 0.3)], 0.02)


def _paint_bonnet(brush: Brush) -> None:
    style = brush.style
    front = brush.place((0.045, style.nose)) + 0.05
    along = np.linspace(front, brush.place(style.cowl) - 0.06, 12)
    edge = brush.edge(along)
    crease = np.linspace(0.55, 0.78, 12) * edge
    soft = darker(brush.paint, 0.92)
    for sign in (1, -1):
        brush.line_ribbon(brush.gap, np.stack([along, sign * (edge - 0.015)], axis=1))
        brush.line_ribbon(soft, np.stack([along, sign * crease], axis=1), 0.012)
    y = float(edge[0]) - 0.015
    bend = [(front, y), (front - 0.05, 0.6 * y), (front - 0.07, 0.0)]
    brush.line_ribbon(brush.gap, [*bend, *((at, -across) for at, across in bend[1::-1])])


def _paint_windscreen(brush: Brush) -> None:
    style = brush.style
    cowl = brush.place(style.cowl)
    roof = brush.place((style.roof[0], style.height - 0.055))
    brush.fill_band(PLASTIC, cowl - 0.1, cowl + 0.06, 0)
    brush.fill_band(BLACK, cowl + 0.03, roof - 0.05, 0)
    glass = Material(brush.trim.front_tint, mirror=0.06, glass=1)
    brush.fill_band(glass, cowl + 0.08, roof - 0.1, 0.03)
    for y in (0.1, -0.35):
        brush.line_ribbon(BLACK, [(cowl + 0.06, y + 0.42), (cowl + 0.12, y)], 0.014)
    brush.line_ribbon(BLACK, [(roof - 0.11, -0.12), (roof - 0.11, 0.12)], 0.07)


def _paint_rear_window(brush: Brush) -> None:
    style = brush.style
    roof = brush.place((style.roof[1], style.height - style.roof_drop))
    foot = brush.place(style.rear_glass)
    brush.fill_band(BLACK, roof + 0.08, foot - 0.04, 0.02)
    glass = Material(brush.trim.rear_tint, mirror=0.08, glass=1)
    brush.fill_band(glass, roof + 0.13, foot - 0.09, 0.06)


def _box(start: float, end: float, inner: float, outer: float) -> list[Point]:
    return [(start, inner), (start, outer), (end, outer), (end, inner)]


def _paint_headlamps(brush: Brush, half: float) -> None:
    at, nose = brush.nose_at, brush.style.nose
    low = nose - brush.trim.lamp_height
    outline = [
        (at(low), 0.62 * half),
        (at(nose - 0.03), 0.54 * half),
        (at(nose - 0.01), half),
        (at(low), half),
    ]
    brush.fill_both(BLACK, [(along + 0.008, y - 0.012) for along, y in outline])
    brush.fill_both(LAMP_DARK, outline)
    brush.fill_both(LAMP, _box(at(low + 0.007), at(low + 0.023), 0.63 * half, half))
    middle = 0.5 * (at(low + 0.03) + at(nose - 0.04))
    size = 0.32 * brush.trim.lamp_height
    edge = float(brush.edge(middle))
    rings = ((size, CHROME), (0.82 * size, LAMP_DEEP), (0.46 * size, LAMP))
    for y in (edge - 1.2 * size, edge - 3.5 * size):
        _paint_round(brush, middle, y, rings)


def _paint_round(
    brush: Brush, along: float, y: float, rings: tuple[tuple[float, Material], ...]
) -> None:
    turn = np.linspace(0, 2 * np.pi, 32)
    for radius, material in rings:
        points = zip(along + radius * np.cos(turn), y + radius * np.sin(turn), strict=True)
        brush.fill_both(material, list(points))


def _paint_grille(brush: Brush, half: float) -> None:
    trim = brush.trim
    start, end = brush.nose_at(brush.style.nose - 0.2), brush.nose_at(brush.style.nose - 0.04)
    lower, upper = trim.grille_width * half, (trim.grille_width + 0.1) * half
    brush.fill_both(BLACK, [(start, 0), (start, lower), (end, upper), (end, 0)])
    bars = CHROME if trim.chrome else SILVER if trim.spokes % 2 else PLASTIC
    for along in np.linspace(start, end, trim.grille_bars):
        brush.line_ribbon(bars, [(along, -lower), (along, lower)], 0.008)
    middle = 0.5 * (start + end)
    _paint_round(brush, middle, 0, ((0.055, CHROME), (0.043, LAMP_DEEP)))


def _paint_plate(brush: Brush, start: float, end: float) -> None:
    """Paint a number plate; its upper edge is at `end`."""
    brush.fill_both(PLATE, _box(start, end, 0, 0.165))
    middle, tall = 0.5 * (start + end), 0.25 * abs(end - start)
    for place in (-0.115, -0.08, -0.045, 0.03, 0.065, 0.1):
        path = [
            (middle - tall, place),
            (middle + tall, place + 0.01),
            (middle - tall, place + 0.02),
        ]
        brush.line_ribbon(PLATE_INK, path, 0.009)

"""Paint what is seen from the side: windows, doors, lamps, wheel arches, and a wheel's face."""

import cv2
import numpy as np
from numpy.typing import NDArray

from data.studio.car.design import (
    AMBER,
    BEHIND_SPOKES,
    BLACK,
    BRAKE,
    CHROME,
    LAMP,
    LAMP_DARK,
    PLASTIC,
    RED,
    RED_BRIGHT,
    SIDEWALL,
    TYRE,
    darker,
)
from data.studio.car.outline import belt_height
from data.studio.car.skin import MARGIN, TOP, Brush
from data.studio.render.atlas import BITS, Material, fixed
from data.studio.render.mesh import FloatArray

RIM = 0.70
"""Radius of the rim, in radii of the wheel."""

Area = NDArray[np.uint8]
"""(rows, columns) of the atlas's side, 255 inside."""


def paint_side(brush: Brush) -> None:
    """Paint the side; both sides of the car show it."""
    _paint_sills(brush)
    _paint_doors(brush)
    _paint_windows(brush)
    _paint_lamps(brush)
    _paint_arches(brush)


def paint_wheel(brush: Brush) -> None:
    """Paint the wheel that all four wheels show."""
    trim = brush.trim
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
        _fill_ring(brush, material, radius)
    turns = 2 * np.pi * (np.arange(trim.spokes) + 0.5) / trim.spokes
    # Each spoke has a shaded flank, set off a little, that makes it look deep.
    for turn in turns.tolist():
        lit = darker(metal, 0.86 + 0.16 * float(np.sin(turn)))
        core = darker(metal, 0.78 + 0.1 * float(np.cos(turn)))
        _fill_spoke(brush, shade, turn, trim.spoke_width + 0.012, 0.022)
        _fill_spoke(brush, lit, turn, trim.spoke_width, 0.0)
        _fill_spoke(brush, core, turn, 0.35 * trim.spoke_width, 0.0)
    for radius, material in ((0.17, shade), (0.155, metal), (0.075, BEHIND_SPOKES)):
        _fill_ring(brush, material, radius)
    for turn in 2 * np.pi * np.arange(5) / 5:
        _fill_ring(brush, BEHIND_SPOKES, 0.018, 0.115, float(turn))


def sill_heights(brush: Brush) -> tuple[float, float, float]:
    """Return up to where nose, sills and tail are of black plastic."""
    low = brush.style.clearance
    return low + 0.07, low + (0.17 if brush.trim.cladding else 0.07), low + 0.2


def bumper_line(brush: Brush) -> float:
    """Return the height of the shut line over the bumpers."""
    under_lamps = brush.style.nose - brush.trim.lamp_height - 0.05
    return min(brush.style.clearance + 0.40, under_lamps)


def tail_lamp(brush: Brush) -> tuple[float, float]:
    """Return lower and upper height of the tail lamps."""
    high = brush.style.deck[1] - 0.05
    return high - brush.trim.lamp_height - 0.04, high


def _paint_sills(brush: Brush) -> None:
    nose, sill, tail = sill_heights(brush)
    front, rear = (brush.x(share) for share in brush.style.axles)
    end = brush.style.length
    top = [(0.0, nose), (front, sill), (rear, sill), (end - 0.12, tail), (end + 0.1, tail)]
    brush.fill_side(PLASTIC, [(0.0, 0.0), *top, (end + 0.1, 0.0)])


def _paint_doors(brush: Brush) -> None:
    style = brush.style
    low = style.clearance + 0.12
    first, *others = (brush.x(share) for share in style.doors)
    for x in (first, *others):
        high = float(belt_height(style, x))
        foot = x + (0.04 if x == first else -0.02)
        path = [(foot, low), (x, low + 0.25), (x, high - 0.1), (x + 0.02, high)]
        brush.line_side(brush.gap, path)
    brush.line_side(brush.gap, [(first, low), (others[-1], low)])
    for x in others:
        _paint_handle(brush, x - 0.2)
    crease = [(first + 0.1, low + 0.2), (others[-1] - 0.1, low + 0.24)]
    brush.line_side(darker(brush.paint, 0.88), crease, 0.012)


def _paint_handle(brush: Brush, x: float) -> None:
    z = float(belt_height(brush.style, x)) - 0.13
    brush.line_side(brush.gap, [(x - 0.07, z - 0.016), (x + 0.07, z - 0.01)], 0.03)
    bar = CHROME if brush.trim.chrome else Material(brush.paint.colour, mirror=0.14)
    brush.line_side(bar, [(x - 0.09, z), (x + 0.09, z + 0.006)], 0.026)


def _paint_windows(brush: Brush) -> None:
    trim, scale = brush.trim, brush.layout.scale
    whole = _window_area(brush)
    if trim.chrome:
        brush.atlas.cover(_grown(whole, 0.03 * scale), CHROME)
    brush.atlas.cover(_grown(whole, 0.014 * scale), BLACK)
    glass = whole.copy()
    for share in brush.style.pillars:
        x = brush.x(share)
        path = brush.side([(x, 0.5), (x + 0.05, brush.style.height)])
        cv2.polylines(glass, [fixed(path)], False, 0, brush.pixels(0.075), cv2.LINE_AA, BITS)
    glass = _opened(glass, 0.02 * scale)
    split = int(brush.side([(brush.x(brush.style.pillars[0]), 1.0)])[0, 0])
    front, rear = glass.copy(), glass
    front[:, split:] = 0
    rear[:, :split] = 0
    brush.atlas.cover(front, Material(trim.front_tint, mirror=0.07, glass=1))
    brush.atlas.cover(rear, Material(trim.rear_tint, mirror=0.08, glass=1))


def _window_area(brush: Brush) -> Area:
    """Return all windows and the pillars between them."""
    style, layout = brush.style, brush.layout
    frame = _window_frame(brush)
    lower = belt_height(style, frame[::-1, 0]) + 0.025
    outline = np.concatenate([frame, np.stack([frame[::-1, 0], lower], axis=1)])
    rows = int((TOP + 2 * MARGIN) * layout.scale)
    area: Area = np.zeros((rows, layout.shape[1]), np.uint8)
    cv2.fillPoly(area, [fixed(brush.side(outline))], 255, cv2.LINE_AA, BITS)

    end = brush.x(style.glass_end)
    belt = float(belt_height(style, end)) - 0.1
    behind = brush.side([(end + 0.1, belt), (end - 0.12, TOP), (9.0, TOP), (9.0, belt)])
    cv2.fillPoly(area, [fixed(behind)], 0, cv2.LINE_AA, BITS)
    return _opened(area, 0.045 * layout.scale)


def _window_frame(brush: Brush) -> FloatArray:
    """Return (P, 2) x and z of the windows' upper edge."""
    style, shape = brush.style, brush.outline
    inwards = shape.inset - shape.top
    inwards /= np.maximum(np.linalg.norm(inwards, axis=1, keepdims=True), 1e-6)
    frame = shape.inset + inwards * 0.035
    x, z = frame.T
    start, end = brush.x(style.cowl[0]) - 0.1, brush.x(style.rear_glass[0])
    above: FloatArray = frame[(x > start) & (x < end) & (z > belt_height(style, x) + 0.02)]
    return above


def _paint_lamps(brush: Brush) -> None:
    trim, nose, end = brush.trim, brush.style.nose, brush.style.length
    low, tip = nose - trim.lamp_height, trim.lamp_length
    outline = [
        (-0.05, low),
        (-0.05, nose - 0.01),
        (tip, nose + 0.05),
        (0.76 * tip, nose - 0.05),
        (0.3 * tip, low),
    ]
    brush.fill_side(LAMP_DARK, outline)
    brush.line_side(
        LAMP, [(0, low + 0.015), (0.3 * tip, low + 0.015), (0.74 * tip, nose - 0.045)], 0.016
    )
    amber = [
        (0.56 * tip, nose - 0.055),
        (0.6 * tip, nose),
        (0.88 * tip, nose + 0.03),
        (0.74 * tip, nose - 0.03),
    ]
    brush.fill_side(AMBER, amber)
    brush.line_side(BLACK, [*outline, outline[0]], 0.008)

    low, high = tail_lamp(brush)
    reach = 0.8 * tip
    brush.fill_side(
        RED,
        [
            (end + 0.1, low),
            (end - 0.7 * reach, low + 0.05),
            (end - reach, high + 0.01),
            (end + 0.1, high),
        ],
    )
    brush.line_side(RED_BRIGHT, [(end, high - 0.1), (end - 0.6 * reach, high - 0.085)], 0.035)
    bumper = bumper_line(brush)
    for start, stop in ((-0.02, 0.09), (0.92, 1.02)):
        brush.line_side(brush.gap, [(brush.x(start), bumper), (brush.x(stop), bumper)])


def _paint_arches(brush: Brush) -> None:
    radius = brush.style.wheel_radius
    turn = np.linspace(0, 2 * np.pi, 64)
    lip, hole = darker(brush.paint, 0.6), Material((4, 4, 4), hole=1)
    rings = [(1.15, lip), (1.135, hole)]
    if brush.trim.cladding:
        rings.insert(0, (1.30, PLASTIC))
    for share in brush.style.axles:
        for size, material in rings:
            x = brush.x(share) + radius * size * np.cos(turn)
            z = radius + radius * size * np.sin(turn)
            brush.fill_side(material, np.stack([x, z], axis=1))


def _fill_ring(
    brush: Brush, material: Material, radius: float, off: float = 0.0, turn: float = 0.0
) -> None:
    circle = np.linspace(0, 2 * np.pi, 72)
    x = off * np.cos(turn) + radius * np.cos(circle)
    z = off * np.sin(turn) + radius * np.sin(circle)
    brush.fill_wheel(material, x, z)


def _fill_spoke(brush: Brush, material: Material, turn: float, width: float, offset: float) -> None:
    near, far = 0.10, RIM - 0.03
    along = np.array([near, far, far, near])
    across = np.array([-0.75, -1.0, 1.0, 0.75]) * width
    x = along * np.cos(turn) - across * np.sin(turn) + offset
    z = along * np.sin(turn) + across * np.cos(turn) - offset
    brush.fill_wheel(material, x, z)


def _grown(area: Area, radius: float) -> Area:
    return np.asarray(cv2.dilate(area, _round(radius)), np.uint8)


def _opened(area: Area, radius: float) -> Area:
    """Return `area` with its corners rounded and its slivers gone."""
    return np.asarray(cv2.morphologyEx(area, cv2.MORPH_OPEN, _round(radius)), np.uint8)


def _round(radius: float) -> Area:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)

"""The car's meshes: the hull, and what is put on and into it.

The hull's skin has two kinds of region: the sides, flat in (x, z), and the ribbon, which runs over
bonnet, windscreen, roof and boot lid, flat in (distance along the outline, y).

Shapes: I stations from nose to tail, J points of a section from the left sill to the right.
"""

import numpy as np

from data.studio.car.design import CarDesign
from data.studio.car.outline import EDGE_RADIUS, Outline, belt_height, bow, half_width
from data.studio.car.skin import Layout
from data.studio.car.styles import BodyStyle
from data.studio.render.mesh import (
    FloatArray,
    Mesh,
    blob,
    join,
    plain_sheet,
    sheet,
    sheet_normals,
    tube,
)

CROWN = 0.035
"""How far bonnet, roof and windows bulge in the middle."""

SIDE_POINTS = 22
CORNER_POINTS = 6
RIBBON_POINTS = 19

TYRE_WIDTH = 0.22

WHEEL_PROFILE = np.array(
    [
        (0.80, -1.0),
        (0.95, -0.97),
        (0.99, -0.88),
        (1.00, -0.75),
        (1.00, -0.25),
        (0.99, -0.10),
        (0.955, -0.02),
        (0.88, 0.0),
        (0.78, -0.03),
        (0.72, -0.05),
        (0.68, -0.13),
        (0.45, -0.09),
        (0.20, -0.07),
        (0.001, -0.06),
    ]
)
"""Radius in wheel radii and depth in tyre widths, from the inside over the tread to the hub."""


def hull(style: BodyStyle, outline: Outline, layout: Layout) -> Mesh:
    """Return the body's surface, its wheel arches and windows still closed."""
    side, corner, ribbon = _side(style, outline), _corner(style, outline), _ribbon(style, outline)
    half = np.concatenate([side, corner], axis=1)
    flip = np.array([1.0, -1.0, 1.0])
    flat = np.concatenate([half, ribbon, half[:, ::-1] * flip], axis=1)
    points = _bowed(style, flat)
    normals = sheet_normals(points)

    side_skin = layout.side(flat[..., 0], flat[..., 2])
    ribbon_skin = layout.ribbon(outline.along[:, None], flat[..., 1])
    edge = half.shape[1]
    regions = (
        (slice(0, edge), side_skin),
        (slice(edge - 1, -edge + 1), ribbon_skin),
        (slice(-edge, None), side_skin),
    )
    return join([sheet(points[:, at], normals[:, at], skin[:, at]) for at, skin in regions])


def _side(style: BodyStyle, outline: Outline) -> FloatArray:
    share = np.linspace(0, 1, SIDE_POINTS)[None, :, None]
    flat = outline.bottom[:, None] * (1 - share) + outline.inset[:, None] * share
    x, z = flat[..., 0], flat[..., 1]
    return np.stack([x, half_width(style, x, z), z], axis=2)


def _corner(style: BodyStyle, outline: Outline) -> FloatArray:
    turn = np.linspace(0, np.pi / 2, CORNER_POINTS)[None, 1:]
    outwards = (outline.top - outline.inset)[:, None]
    flat = outline.inset[:, None] + outwards * np.sin(turn)[..., None]
    width = half_width(style, outline.inset[:, 0], outline.inset[:, 1])[:, None]
    y = width - EDGE_RADIUS * (1 - np.cos(turn))
    return np.stack([flat[..., 0], y, flat[..., 1]], axis=2)


def _ribbon(style: BodyStyle, outline: Outline) -> FloatArray:
    width = half_width(style, outline.inset[:, 0], outline.inset[:, 1]) - EDGE_RADIUS
    share = np.linspace(1, -1, RIBBON_POINTS)[None, 1:-1]
    outwards = outline.top - outline.inset
    outwards /= np.maximum(np.linalg.norm(outwards, axis=1, keepdims=True), 1e-6)
    bulge = CROWN * (1 - share**2)
    flat = outline.top[:, None] + outwards[:, None] * bulge[..., None]
    return np.stack([flat[..., 0], width[:, None] * share, flat[..., 1]], axis=2)


def _bowed(style: BodyStyle, points: FloatArray) -> FloatArray:
    moved = points.copy()
    moved[..., 0] += bow(style, points[..., 0], points[..., 1])
    return moved


def wheels(style: BodyStyle, layout: Layout) -> Mesh:
    """Return the four wheels."""
    turn = np.linspace(0, 2 * np.pi, 73)[:, None]
    radius, depth = WHEEL_PROFILE[None, :, 0], WHEEL_PROFILE[None, :, 1]
    right, up = radius * np.cos(turn), radius * np.sin(turn)
    size = style.wheel_radius
    points = np.stack([size * right, TYRE_WIDTH * depth + 0 * turn, size * up], axis=2)
    normals = sheet_normals(points)
    left = []
    for x, y in _hubs(style):
        face = sheet(points, normals, layout.wheel(right, up))
        left.append(face.moved(np.eye(3), np.array([x, y, size])))
    both = join(left)
    return join([both, both.mirrored()])


def wells(style: BodyStyle, layout: Layout) -> Mesh:
    """Return the dark insides of the wheel arches."""
    dark = layout.swatch("well")
    turn = np.linspace(np.radians(-28), np.radians(208), 40)[:, None]
    size = style.wheel_radius * 1.16
    depth = np.concatenate([np.linspace(0, 0.32, 5), np.full(6, 0.32)])[None]
    radius = np.concatenate([np.full(5, size), np.linspace(size, 0, 6)])[None]
    sheets = []
    for hub, _ in _hubs(style):
        x = hub + radius * np.cos(turn)
        z = np.maximum(style.wheel_radius + radius * np.sin(turn), style.clearance + 0.01)
        # The rim lies on the body, so that nothing is seen between the two.
        y = half_width(style, x, z) - 0.004 - depth
        sheets.append(plain_sheet(np.stack([x + bow(style, x, y), y, z], axis=2), dark))
    left = join(sheets)
    return join([left, left.mirrored()])


def _hubs(style: BodyStyle) -> list[tuple[float, float]]:
    """Return x of each axle and y of the left tyre's face there."""
    hubs = []
    for share in style.axles:
        x = share * style.length
        y = half_width(style, x, style.wheel_radius + 0.1)
        hubs.append((x, float(y) - 0.015))
    return hubs


def cabin(design: CarDesign, layout: Layout) -> Mesh:
    """Return seats, dashboard and steering wheel."""
    style = design.style
    seats, dash = layout.swatch("seats"), layout.swatch("dash")
    front = (style.roof[0] + 0.10) * style.length
    rear = min(style.rear_glass[0], style.roof[1] + 0.05) * style.length - 0.15
    belt = style.belt[1]
    top = style.height
    parts = [
        blob((style.cowl[0] * style.length + 0.28, 0, belt - 0.12), (0.32, 0.66, 0.13), dash),
        blob((rear, 0, belt - 0.1), (0.12, 0.6, 0.26), seats),
    ]
    rest = min(belt + 0.33, top - 0.17)
    for y in (-0.37, 0.37):
        parts.append(blob((front, y, belt - 0.08), (0.10, 0.23, 0.31), seats))
        parts.append(blob((front + 0.05, y, rest), (0.05, 0.13, 0.085), seats))
        parts.append(blob((rear + 0.03, 1.1 * y, belt + 0.225), (0.05, 0.12, 0.06), seats))
    turn = np.linspace(0, 2 * np.pi, 25)
    rim = np.stack([0.08 * np.sin(turn), 0.18 * np.cos(turn), 0.17 * np.sin(turn)], axis=1)
    wheel = np.array([front - 0.52, 0.37, belt - 0.02])
    parts.append(tube(wheel + rim, 0.014, dash, sides=6))
    return join(parts)


def outside(design: CarDesign, outline: Outline, layout: Layout) -> Mesh:
    """Return what stands off the body: mirrors, rails, antenna."""
    parts = [*_mirrors(design, layout), *_antenna(design, outline, layout)]
    if design.trim.rails:
        parts += _rails(design, outline, layout)
    return join(parts)


def _mirrors(design: CarDesign, layout: Layout) -> list[Mesh]:
    style = design.style
    x = (style.cowl[0] + 0.045) * style.length + 0.12
    z = float(belt_height(style, x)) + 0.075
    y = float(half_width(style, x, z - 0.06))
    shell = layout.swatch("paint" if design.trim.painted_mirrors else "plastic")
    tall = 0.085 if style.height < 1.6 else 0.105
    housing = blob((x, y + 0.13, z + 0.01), (0.065, 0.105, tall), shell)
    glass = _pane((x + 0.066, y + 0.13, z + 0.01), (0.085, tall - 0.018), layout)
    foot = np.array(
        [[x + 0.01, y - 0.03, z - 0.08], [x, y + 0.03, z - 0.09], [x, y + 0.09, z - 0.085]]
    )
    left = join([housing, glass, tube(foot, 0.016, layout.swatch("plastic"))])
    return [left, left.mirrored()]


def _pane(centre: tuple[float, float, float], radii: tuple[float, float], layout: Layout) -> Mesh:
    """Return a mirror's glass, which is seen from behind the car only."""
    turn = np.linspace(0, 2 * np.pi, 25)[None]
    share = np.linspace(0, 1, 4)[:, None]
    round_off = np.abs(np.cos(turn)) ** 4 + np.abs(np.sin(turn)) ** 4
    y = radii[0] * share * np.cos(turn) / round_off**0.25
    z = radii[1] * share * np.sin(turn) / round_off**0.25
    points = np.asarray(centre) + np.stack([0 * y, y, z], axis=2)
    skin = np.broadcast_to(layout.swatch("looking glass"), (*y.shape, 2))
    return sheet(points, np.broadcast_to([1.0, 0.0, 0.0], points.shape), skin)


def _rails(design: CarDesign, outline: Outline, layout: Layout) -> list[Mesh]:
    style = design.style
    metal = layout.swatch("silver" if design.trim.chrome or design.trim.spokes % 2 else "plastic")
    x = np.linspace(style.roof[0] + 0.03, style.roof[1] - 0.02, 24) * style.length
    bottom = _on_roof(style, outline, x)
    rise = 0.045 * np.clip(np.minimum(np.arange(24), np.arange(24)[::-1]) / 2, 0, 1)
    rail = bottom + rise[:, None] * [0.0, 0.0, 1.0]
    parts = [tube(rail, design.trim.rail_radius, metal)]
    for at in (8, 16):
        parts.append(tube(np.stack([bottom[at], rail[at]]), 0.014, metal))
    left = join(parts)
    return [left, left.mirrored()]


def _on_roof(style: BodyStyle, outline: Outline, x: FloatArray) -> FloatArray:
    """Return (I, 3) points over the roof's left edge."""
    z = outline.height_at(x)
    y = half_width(style, x, z - EDGE_RADIUS) - 0.9 * EDGE_RADIUS
    return np.stack([x + bow(style, x, y), y, z - 0.004], axis=1)


def _antenna(design: CarDesign, outline: Outline, layout: Layout) -> list[Mesh]:
    style, trim = design.style, design.trim
    if trim.antenna == "none":
        return []
    black = layout.swatch("plastic")
    # Masts stand at either end of the roof, fins always at the rear.
    at_front = trim.antenna == "mast" and trim.spokes % 3 == 0
    share = style.roof[0] + 0.06 if at_front else style.roof[1] - 0.04
    x = share * style.length
    z = float(outline.height_at(x)) + 0.03
    if trim.antenna == "fin":
        return [blob((x, 0, z + 0.015), (0.09, 0.016, 0.038), black)]
    top = np.array([x + 0.55 * trim.antenna_length, 0, z + 0.8 * trim.antenna_length])
    path = np.linspace([x, 0, z - 0.01], top, 12)
    foot = blob((x, 0, z), (0.035, 0.022, 0.02), black)
    return [foot, tube(path, trim.antenna_radius, black, sides=6)]

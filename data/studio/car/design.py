"""A car's design: its proportions, what it is made of, and its details, drawn at random."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.studio.car.styles import COUPE, SEDAN, BodyStyle, vary
from data.studio.render.atlas import PAINT_MIRROR, Colour, Material

BLACK = Material((22, 22, 23), mirror=0.03)
PLASTIC = Material((44, 44, 46), mirror=0.012)
CHROME = Material((70, 71, 73), mirror=0.75)
SILVER = Material((168, 170, 172), mirror=0.2)
LAMP = Material((222, 226, 230), mirror=0.2)
LAMP_DARK = Material((104, 108, 114), mirror=0.22)
LAMP_DEEP = Material((40, 42, 46), mirror=0.15)
AMBER = Material((214, 112, 22), mirror=0.08)
RED = Material((134, 10, 16), mirror=0.10)
RED_BRIGHT = Material((206, 34, 36), mirror=0.10)
PLATE = Material((226, 230, 236), mirror=0.02)
PLATE_INK = Material((44, 72, 120))
LOOKING_GLASS = Material((30, 32, 34), mirror=0.8)
WELL = Material((7, 7, 7))
TYRE = Material((30, 30, 31), mirror=0.004)
SIDEWALL = Material((40, 40, 41), mirror=0.006)
BRAKE = Material((74, 74, 76), mirror=0.05)
BEHIND_SPOKES = Material((16, 16, 17))
DASH = Material((38, 38, 40))

PAINTS: tuple[Colour, ...] = (
    (236, 236, 234),  # white
    (244, 243, 240),
    (24, 24, 26),  # black
    (38, 39, 42),
    (82, 84, 88),  # greys and silver
    (122, 124, 127),
    (176, 179, 182),
    (198, 200, 202),
    (150, 24, 32),  # red
    (112, 16, 28),
    (26, 44, 104),  # blue
    (92, 118, 150),
    (34, 66, 52),  # green
    (168, 152, 126),  # beige
    (84, 62, 48),  # brown
    (196, 120, 30),  # orange
)


@dataclass(frozen=True)
class Trim:
    """What distinguishes cars of one body style.

    Attributes:
        spokes: number of each rim's spokes.
        spoke_width: in radii of the wheel.
        rim: sRGB of the rims.
        rails: whether there are roof rails.
        rail_radius: metres.
        antenna: a thin mast, a shark fin, or none.
        antenna_length: metres.
        antenna_radius: metres.
        cladding: whether sills and arches are of black plastic.
        chrome: whether windows and grille are framed in chrome.
        front_tint: sRGB of the light that windscreen and front windows let through.
        rear_tint: the same of those behind.
        roof: of the roof: the paint's, a fabric's, or black glass.
        seats: sRGB of the seats.
        painted_mirrors: whether the mirrors have the body's colour.
        lamp_height: of the lamps, metres.
        lamp_length: how far they reach along the sides, metres.
        grille_width: share of the car's width.
        grille_bars: number of bars.
        front_plate: whether there is a number plate in front.
    """

    spokes: int
    spoke_width: float
    rim: Colour
    rails: bool
    rail_radius: float
    antenna: Literal["mast", "fin", "none"]
    antenna_length: float
    antenna_radius: float
    cladding: bool
    chrome: bool
    front_tint: Colour
    rear_tint: Colour
    roof: Material
    seats: Colour
    painted_mirrors: bool
    lamp_height: float
    lamp_length: float
    grille_width: float
    grille_bars: int
    front_plate: bool


@dataclass(frozen=True)
class CarDesign:
    """All that makes one car.

    Attributes:
        style: its proportions.
        paint: its colour.
        metallic: how much the paint's brightness depends on the view, 0 to 1.
        trim: its details.
    """

    style: BodyStyle
    paint: Material
    metallic: float
    trim: Trim


def draw_design(
    rng: np.random.Generator, style: BodyStyle, more_paints: Sequence[Colour]
) -> CarDesign:
    """Return a car like `style`, in one of `PAINTS` or of `more_paints`."""
    paint = _draw_paint(rng, more_paints)
    trim = _draw_trim(rng, style, paint)
    return CarDesign(
        style=vary(style, rng),
        paint=paint,
        metallic=float(rng.choice([0.0, rng.uniform(0.3, 1.0)])),
        trim=trim,
    )


def darker(material: Material, share: float) -> Material:
    """Return `material` with `share` of its colour's brightness."""
    red, green, blue = material.colour
    return Material((share * red, share * green, share * blue), mirror=material.mirror)


def _draw_paint(rng: np.random.Generator, more_paints: Sequence[Colour]) -> Material:
    paints = (*PAINTS, *more_paints)
    base = paints[int(rng.integers(len(paints)))]
    lighter, warmer = rng.uniform(-6, 6), rng.uniform(-2, 2)
    shift = (lighter + warmer, lighter, lighter - warmer)
    red, green, blue = (float(np.clip(c + s, 8, 250)) for c, s in zip(base, shift, strict=True))
    return Material((red, green, blue), mirror=PAINT_MIRROR)


def _draw_trim(rng: np.random.Generator, style: BodyStyle, paint: Material) -> Trim:
    tall = style.name in ("suv", "estate", "minivan")
    roof = paint
    if style in (SEDAN, COUPE) and rng.random() < 0.2:
        fabric = ((34.0, 33.0, 33.0), (92.0, 78.0, 66.0))[int(rng.integers(2))]
        roof = Material(fabric)
    elif rng.random() < 0.12:
        roof = Material((18, 18, 20), mirror=0.06)
    clear: Colour = (214, 224, 218)
    privacy: Colour = (92, 96, 96)
    silver = rng.uniform(165, 205)
    rim: Colour = (silver, silver, silver + 2)
    return Trim(
        spokes=int(rng.integers(5, 11)),
        spoke_width=rng.uniform(0.05, 0.10),
        rim=rim if rng.random() < 0.8 else (48, 48, 50),
        rails=tall and rng.random() < 0.75,
        rail_radius=rng.uniform(0.005, 0.011),
        antenna=("mast", "mast", "fin", "none")[int(rng.integers(4))],
        antenna_length=rng.uniform(0.25, 0.75),
        antenna_radius=rng.uniform(0.0025, 0.005),
        cladding=style.name == "suv" and rng.random() < 0.6,
        chrome=bool(rng.random() < 0.4),
        front_tint=clear,
        rear_tint=privacy if tall and rng.random() < 0.7 else clear,
        roof=roof,
        seats=((40, 40, 42), (60, 58, 56), (150, 136, 116))[int(rng.integers(3))],
        painted_mirrors=bool(rng.random() < 0.75),
        lamp_height=rng.uniform(0.11, 0.17),
        lamp_length=rng.uniform(0.36, 0.56),
        grille_width=rng.uniform(0.28, 0.42),
        grille_bars=int(rng.integers(3, 9)),
        front_plate=bool(rng.random() < 0.7),
    )

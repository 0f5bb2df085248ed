"""What is in a photo: the car, the studio and the lens, drawn at random from a seed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.studio.atlas import Material
from data.studio.materials import PAINT_MIRROR
from data.studio.styles import COUPE, SEDAN, STYLES, BodyStyle, vary

Colour = tuple[float, float, float]

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
class Studio:
    """The room, colours as sRGB, lengths in metres.

    Attributes:
        floor: colour of the floor and the cove behind it.
        wall: colour of the wall above the cove.
        turntable: colour of the turntable.
        letters: colour of the lettering.
        radius: of the turntable.
        wall_radius: of the round wall.
        cove: height where the cove ends and the wall begins.
        word: the lettering.
        word_height: height of a letter.
        shadow: how dark it is under the car, 1 for black.
    """

    floor: Colour
    wall: Colour
    turntable: Colour
    letters: Colour
    radius: float
    wall_radius: float
    cove: float
    word: str
    word_height: float
    shadow: float


@dataclass(frozen=True)
class Lens:
    """Camera and picture formation.

    Attributes:
        distance: from the turntable's middle, metres.
        height: above the floor, metres.
        pitch: downwards, radians.
        roll: radians.
        focal: focal length in photo widths.
        blur: sigma of the lens blur, pixels of a full-size photo.
        noise: sigma of the sensor noise in a mid grey, of 255.
        cast: gains of red, green and blue.
        vignette: loss of light in the corners.
    """

    distance: float
    height: float
    pitch: float
    roll: float
    focal: float
    blur: float
    noise: float
    cast: Colour
    vignette: float


@dataclass(frozen=True)
class Scene:
    """All that is the same in a car's photos."""

    style: BodyStyle
    paint: Material
    metallic: float
    trim: Trim
    studio: Studio
    lens: Lens


def draw_scene(seed: int, car: int) -> Scene:
    """Return the scene of a car: a function of its arguments alone."""
    rng = np.random.default_rng([seed, car])
    studio = _draw_studio(rng)
    # Styles take turns, so that a small set has them all; the seed says where it begins.
    style = STYLES[(int(np.random.default_rng(seed).integers(len(STYLES))) + car) % len(STYLES)]
    paint = _draw_paint(rng, studio)
    trim = _draw_trim(rng, style, paint)
    return Scene(
        style=vary(style, rng),
        paint=paint,
        metallic=float(rng.choice([0.0, rng.uniform(0.3, 1.0)])),
        trim=trim,
        studio=studio,
        lens=_draw_lens(rng),
    )


def _draw_studio(rng: np.random.Generator) -> Studio:
    grey = rng.uniform(172, 198)
    cool = rng.uniform(0, 7)
    warm = rng.uniform(2, 9)
    table = grey - rng.uniform(0, 14)
    ink = rng.uniform(70, 110)
    word = str(rng.choice(["FOVEA", "FOVEA MOTORS", "FOVEACARS", "FOVEAMASK", "FOVEAHALL"]))
    return Studio(
        floor=(grey - cool, grey - cool / 2, grey + 1),
        wall=(246, 246, 245),
        turntable=(table + warm / 2, table, table - warm),
        letters=(ink + 3, ink - 1, ink + 2),
        radius=rng.uniform(2.95, 3.4),
        wall_radius=rng.uniform(5.6, 6.6),
        cove=rng.uniform(1.0, 1.25),
        word=word,
        word_height=9.5 / (0.84 * len(word)) if len(word) > 5 else 1.75,
        shadow=rng.uniform(0.93, 0.98),
    )


def _draw_paint(rng: np.random.Generator, studio: Studio) -> Material:
    choice = int(rng.integers(len(PAINTS) + 4))
    # One car in five has a colour of the studio itself: there only shading shows the edge.
    own = (studio.floor, studio.wall, studio.turntable, studio.floor)
    base = (PAINTS + own)[choice]
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


def _draw_lens(rng: np.random.Generator) -> Lens:
    red, blue = rng.uniform(0.975, 1.025, size=2)
    return Lens(
        distance=rng.uniform(6.0, 6.5),
        height=rng.uniform(1.45, 1.75),
        pitch=np.radians(rng.uniform(7.5, 9.5)),
        roll=np.radians(rng.normal(0, 0.25)),
        focal=rng.uniform(0.89, 0.95),
        blur=rng.uniform(0.55, 1.0),
        noise=rng.uniform(0.8, 2.2),
        cast=(float(red), 1.0, float(blue)),
        vignette=rng.uniform(0.02, 0.10),
    )

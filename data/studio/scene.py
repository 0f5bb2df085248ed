"""What is in a photo: the car, the studio and the lens, drawn at random from a seed."""

from dataclasses import dataclass

import numpy as np

from data.studio.car.design import CarDesign, draw_design
from data.studio.car.styles import STYLES
from data.studio.render.atlas import Colour


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

    design: CarDesign
    studio: Studio
    lens: Lens


def draw_scene(seed: int, car: int) -> Scene:
    """Return the scene of a car: a function of its arguments alone."""
    rng = np.random.default_rng([seed, car])
    studio = _draw_studio(rng)
    # Styles take turns, so that a small set has them all; the seed says where it begins.
    style = STYLES[(int(np.random.default_rng(seed).integers(len(STYLES))) + car) % len(STYLES)]
    # One car in five has a colour of the studio itself: there only shading shows the edge.
    own = (studio.floor, studio.wall, studio.turntable, studio.floor)
    design = draw_design(rng, style, own)
    return Scene(design, studio, _draw_lens(rng))


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

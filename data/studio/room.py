"""The studio's own pictures: the turntable from above, and the round wall, unrolled.

Colours are linear. A picture is (rows, columns, 4), the last its opacity.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.studio.scene import Colour, Studio
from data.studio.shade import FloatImage

BELOW = 0.3
"""Metres of the wall's picture that lie below the cove's edge, and are transparent."""

RIM = 1.025
"""Half the side of the turntable's picture, in radii."""


@dataclass(frozen=True)
class Room:
    """What is the same in all photos of a car.

    Attributes:
        studio: its colours and lengths.
        turntable: (T, T, 4), seen from above.
        wall: (rows, columns, 4), unrolled, seen from inside.
        wall_scale: the wall's pixels in a metre.
    """

    studio: Studio
    turntable: FloatImage
    wall: FloatImage
    wall_scale: float


def linear(colour: Colour) -> FloatImage:
    """Return (3,) the linear light of an sRGB colour."""
    return np.asarray((np.array(colour) / 255) ** 2.2, np.float32)


def furnish(studio: Studio, width: int, rng: np.random.Generator) -> Room:
    """Return the pictures of a studio, fine enough for photos of `width`."""
    scale = 0.075 * width
    turntable = _turntable(studio, max(256, int(0.8 * width)), rng)
    return Room(studio, turntable, _wall(studio, scale, rng), scale)


def _turntable(studio: Studio, side: int, rng: np.random.Generator) -> FloatImage:
    """Return a disc of worn concrete with seams."""
    middle, radius = side / 2, side / (2 * RIM)
    wear = sum(
        _blotches(rng, side, cells) * depth for cells, depth in ((5, 0.10), (19, 0.06), (90, 0.05))
    )
    colour = linear(studio.turntable) * (1 + np.asarray(wear, np.float32))[..., None]
    seams = np.zeros((side, side), np.uint8)
    for turn in rng.uniform(0, np.pi) + np.arange(3) * np.pi / 3:
        step = radius * np.array([np.cos(turn), np.sin(turn)])
        start, end = (np.round((middle + sign * step) * 16).astype(int) for sign in (-1, 1))
        cv2.line(seams, start.tolist(), end.tolist(), 70, 1, cv2.LINE_AA, 4)
    for _ in range(40):
        spot = rng.uniform(0, side, 2).astype(int).tolist()
        cv2.circle(seams, spot, int(rng.integers(1, 3)), int(rng.integers(20, 90)), -1, cv2.LINE_AA)
    colour *= 1 - seams[..., None].astype(np.float32) / 255
    far = np.hypot(*(np.indices((side, side)) - middle)).astype(np.float32)
    rim = np.exp(-(((far - radius + 1.5) / 1.4) ** 2))
    colour *= 1 - 0.4 * rim[..., None]
    opacity = np.clip(radius - far + 0.5, 0, 1) * np.float32(0.75)
    return np.concatenate([colour, opacity[..., None]], axis=2).astype(np.float32)


def _blotches(rng: np.random.Generator, side: int, cells: int) -> FloatImage:
    """Return smooth noise, (side, side), of about -1 to 1."""
    coarse = rng.normal(0, 0.5, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC))


def _wall(studio: Studio, scale: float, rng: np.random.Generator) -> FloatImage:
    """Return the wall, unrolled. Row 0 is at the top."""
    tall, wide = int(5.0 * scale), int(2.4 * studio.wall_radius * scale)
    canvas: NDArray[np.uint8] = np.zeros((tall, wide), np.uint8)
    bottom = int(tall - (BELOW + 0.04) * scale)
    _letter(canvas, studio, scale, bottom)
    door = wide // 2 + int(rng.uniform(-1, 0.5) * scale)
    top = int(bottom - 1.15 * studio.word_height * scale)
    frame = np.array(
        [
            [door, bottom],
            [door, top],
            [door + int(2.2 * scale), top],
            [door + int(2.2 * scale), bottom],
        ]
    )
    cv2.polylines(canvas, [frame], False, 60, 1, cv2.LINE_AA)
    ink = canvas[..., None].astype(np.float32) / 255
    above = np.linspace(1, 0, tall, dtype=np.float32)[:, None, None]
    light = 1.06 - 0.15 * above
    colour = light * linear(studio.wall) * np.ones((1, wide, 1), np.float32)
    colour += ink * (linear(studio.letters) - colour)
    from_bottom = np.arange(tall, 0, -1, dtype=np.float32) - BELOW * scale
    opacity = np.broadcast_to(
        np.clip(from_bottom / 1.5 + 0.5, 0, 1)[:, None, None], (tall, wide, 1)
    )
    return np.concatenate([colour, opacity], axis=2)


def _letter(canvas: NDArray[np.uint8], studio: Studio, scale: float, bottom: int) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    size = studio.word_height * scale / 21
    thickness = max(1, round(0.16 * studio.word_height * scale))
    (wide, _), _ = cv2.getTextSize(studio.word, font, size, thickness)
    at = ((canvas.shape[1] - wide) // 2, bottom - thickness // 2)
    cv2.putText(canvas, studio.word, at, font, size, 255, thickness, cv2.LINE_AA)

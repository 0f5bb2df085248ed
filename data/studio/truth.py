"""The truth about a photo's edge: how much of each pixel is car, and of which colour.

Object and background are rendered apart, so both are known where a pixel shows some of each.

Shapes: H x W the photo.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.arrays import Photo
from data.geometry import Size
from data.studio.photograph import (
    FULL_SIZE,
    check_angle,
    develop,
    empty_studio,
    expose,
    set_up,
    sharp_picture,
    through_lens,
    turn_of,
)
from data.studio.render.shade import FloatImage


@dataclass(frozen=True)
class CutOut:
    """A photo and what a perfect cutout of it holds."""

    photo: Photo
    """(H, W, 3) uint8 RGB, that of `render_photo`."""
    coverage: FloatImage
    """(H, W) from 0 to 1: how much of each pixel is car, before the lens blurs it."""
    alpha: FloatImage
    """(H, W) from 0 to 1: how much of each pixel's light is from the car, after the lens."""
    colours: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB of the car alone, without noise; 0 where alpha is 0."""


def render_cutout(
    seed: int, car: int, angle: int, *, num_angles: int = 16, size: Size = FULL_SIZE
) -> CutOut:
    """Return a photo with its true alpha and colours; the arguments are those of `render_photo`.

    What is seen of the studio through the car's windows belongs to the car, as in its mask.

    Raises:
        ValueError: there is no such car or angle.
    """
    check_angle(seed, car, angle, num_angles)
    turn = turn_of(angle, num_angles)
    setup = set_up(seed, car, size.width)
    exposed = expose(setup, turn, size)
    behind = empty_studio(setup, turn, size)
    share = exposed.coverage[..., None]
    own_light = np.maximum(exposed.light - (1 - share) * behind, 0)
    alpha = through_lens(exposed.coverage, setup.lens)
    blurred = through_lens(own_light, setup.lens)
    some = alpha > 1e-4
    pure = np.zeros_like(blurred)
    pure[some] = blurred[some] / alpha[some][:, None]
    grain = np.random.default_rng([seed, car, angle, num_angles])
    return CutOut(
        photo=develop(exposed.light, setup.lens, grain),
        coverage=exposed.coverage,
        alpha=np.clip(alpha, 0, 1),
        colours=np.round(sharp_picture(pure, setup.lens)).astype(np.uint8),
    )

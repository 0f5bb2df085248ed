"""Light on the car: soft light from above, and the studio mirrored in paint, glass and chrome.

Colours are linear, 1 for the white wall, unless they are said to be sRGB.
Shapes: N pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.studio.render.atlas import PAINT_MIRROR, Atlas, Colour
from data.studio.render.raster import Fragments

FloatImage = NDArray[np.float32]

GAMMA = 2.2
"""sRGB is taken for a pure power of light."""


def linear(colour: Colour | NDArray[np.int_]) -> FloatImage:
    """Return the linear light of sRGB values from 0 to 255."""
    return np.asarray((np.asarray(colour) / 255) ** GAMMA, np.float32)


SRGB_TO_LINEAR = linear(np.arange(256))

LINING: FloatImage = np.array([0.055, 0.052, 0.05], np.float32)
"""Colour of the cabin's lining."""

ENVIRONMENT: FloatImage = np.interp(
    np.linspace(-1, 1, 512),
    [-1, -0.5, -0.3, -0.12, 0.0, 0.04, 0.09, 0.25, 0.45, 0.58, 0.66, 0.70, 0.9, 1],
    [0.03, 0.08, 0.28, 0.45, 0.52, 0.56, 0.92, 0.95, 0.72, 0.55, 0.60, 1.7, 1.9, 1.9],
).astype(np.float32)
"""Light from below, the floor, the cove, the wall, the dark upper wall, the ceiling's lamps."""


@dataclass(frozen=True)
class Shaded:
    """N pixels in the light.

    Attributes:
        colour: (N, 3) of what is opaque, and what glass reflects.
        tint: (N, 3) share of light that passes where it is glass.
        glass: (N, 1) share that is glass.
        hole: (N, 1) share that is not there.
    """

    colour: FloatImage
    tint: FloatImage
    glass: FloatImage
    hole: FloatImage


def shade(
    fragments: Fragments, atlas: Atlas, eye: FloatImage, metallic: float, *, inside: bool
) -> Shaded:
    """Return the light that comes from `fragments` to `eye`.

    Args:
        fragments: N pixels of the car.
        atlas: the car's skin.
        eye: (3,) metres, the camera.
        metallic: how much the paint's brightness depends on the view, 0 to 1.
        inside: whether back faces are the cabin's lining, and it is dim.
    """
    albedo = SRGB_TO_LINEAR[_sample(atlas.colour, fragments.skin)]
    surface = np.asarray(_sample(atlas.surface, fragments.skin) / 255, np.float32)
    mirror, glass, hole = surface[:, :1], surface[:, 1:2], surface[:, 2:]
    tint = albedo * glass
    view = fragments.position - eye
    view /= np.sqrt(np.einsum("nc,nc->n", view, view))[:, None]
    cosine = np.einsum("nc,nc->n", fragments.normal, view)[:, None]
    light = _irradiance(fragments)
    if inside:
        lining = cosine > 0
        albedo = np.where(lining, LINING, albedo)
        mirror = np.where(lining, np.float32(0), mirror)
        indoors = fragments.position[:, 2:] > 0.6
        light = np.where(lining | indoors, 0.5 * light, light)
    sheen = 1 + metallic * (np.abs(cosine) ** 1.5 - 0.55) * (np.abs(mirror - PAINT_MIRROR) < 0.004)
    # Where the atlas blends glass with its black frame, the colour is the glass's: leave it out.
    diffuse = albedo * light * sheen * (1 - glass) ** 4
    reflected = _fresnel(mirror, np.abs(cosine)) * _mirrored(fragments, view, cosine)
    return Shaded(diffuse + reflected, tint, glass, hole)


def _sample(image: NDArray[np.uint8], skin: FloatImage) -> NDArray[np.uint8]:
    """Return (N, 3) bilinear samples; OpenCV wants them as a picture with sides below 32,768."""
    count = len(skin)
    wide = 1024
    padded = np.zeros((2, -(-count // wide) * wide), np.float32)
    padded[:, :count] = skin.T
    columns, rows = padded.reshape(2, -1, wide)
    picture = cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(picture, np.uint8).reshape(-1, image.shape[2])[:count]


def _irradiance(fragments: Fragments) -> FloatImage:
    """Light from the ceiling, less of it near the floor, which the car shades."""
    up = fragments.normal[:, 2:]
    towards_camera = np.maximum(-fragments.normal[:, 1:2], 0)
    light = 0.55 + 0.42 * up + 0.10 * towards_camera
    height = np.clip(fragments.position[:, 2:] / 0.75, 0, 1)
    open_sky = np.maximum(up, 0)
    result: FloatImage = light * (0.42 + 0.58 * np.maximum(height, open_sky))
    return result


def _fresnel(mirror: FloatImage, cosine: FloatImage) -> FloatImage:
    polished = np.minimum(mirror * 20, 1)
    result: FloatImage = mirror + (1 - mirror) * polished * 0.65 * (1 - cosine) ** 5
    return result


def _mirrored(fragments: Fragments, view: FloatImage, cosine: FloatImage) -> FloatImage:
    """Return (N, 1) light of the studio in the direction of the mirrored view."""
    direction = view - 2 * cosine * fragments.normal
    up = direction[:, 2]
    height = np.minimum(fragments.position[:, 2], 1)
    index = np.clip((up + 1) * 255.5, 0, 511).astype(np.intp)
    light = ENVIRONMENT[index]
    # Rows of lamps under the ceiling, and near the floor the shadow of the car itself.
    rows = 0.75 + 0.35 * np.cos(9 * direction[:, 0] / np.maximum(up, 0.3))
    light = np.where(up > 0.67, light * rows, light)
    down = np.clip(-4 * up, 0, 1)
    result: FloatImage = (light * (1 - 0.65 * down * (1 - height)))[:, None]
    return result

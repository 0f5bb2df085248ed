"""Errors of coarse masks, made on purpose: to train a refiner on, and to measure it.

Shapes: H x W a mask.
"""

from collections.abc import Callable

import cv2
import numpy as np

from data.arrays import Mask, Pixels
from data.geometry import Size
from data.polygons.contour import polygons_of
from data.polygons.filling import even_odd

WAVES = 24
"""Pixels of a wobbly contour's shortest wave, about which a hand trembles."""


def shifted(mask: Mask, rows: int, columns: int) -> Mask:
    """Return `mask` moved down and right; what comes in at the border repeats it."""
    height, width = mask.shape
    across = (np.arange(width) - columns).clip(0, width - 1)
    down = (np.arange(height) - rows).clip(0, height - 1)
    return np.asarray(mask[down[:, None], across])


def grown(mask: Mask, pixels: int) -> Mask:
    """Return `mask` with its contour `pixels` further out; negative moves it inward."""
    side = 2 * abs(pixels) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    change = cv2.dilate if pixels > 0 else cv2.erode
    return np.asarray(change(mask.view(np.uint8), disc) > 0)


def blurred(mask: Mask, deviation: float) -> Pixels:
    """Return (H, W) uint8 from 0 to 255: `mask` after a Gaussian blur, in pixels."""
    return np.asarray(cv2.GaussianBlur(_grey(mask), (0, 0), deviation), np.uint8)


def cornered(mask: Mask, tolerance: float) -> Mask:
    """Return `mask` as a polygon with few corners, off the contour by `tolerance` at most."""
    polygons = polygons_of(mask, tolerance=tolerance)
    return even_odd([ring for polygon in polygons for ring in polygon.rings], Size(*mask.shape))


def reduced(mask: Mask | Pixels, size: Size, *, smoothly: bool) -> Pixels:
    """Return a mask at another size, uint8 from 0 to 255.

    Args:
        mask: (H, W) bool, or uint8 from 0 to 255.
        size: to reduce it to, whatever its aspect.
        smoothly: by area means, which are soft; otherwise each pixel is one of the mask.
    """
    grey = _grey(mask) if mask.dtype == np.bool_ else mask
    how = cv2.INTER_AREA if smoothly else cv2.INTER_NEAREST_EXACT
    return np.asarray(cv2.resize(grey, size[::-1], interpolation=how), np.uint8)


def with_disc(mask: Mask, centre: tuple[int, int], radius: int, *, inside: bool) -> Mask:
    """Return `mask` with a disc of object, or of background if not `inside`, painted on it."""
    painted = mask.astype(np.uint8)
    cv2.circle(painted, centre[::-1], radius, int(inside), -1)
    return painted > 0


def wobbly(mask: Mask, amplitude: float, random: np.random.Generator) -> Mask:
    """Return `mask` as a hand might have drawn it: its contour off by a slow random walk.

    Args:
        mask: (H, W).
        amplitude: root mean square of the displacement along each axis, in pixels.
        random: decides the waves.
    """
    height, width = mask.shape
    length = WAVES * 2 ** int(random.integers(0, 4))
    few = (-(-height // length) + 3, -(-width // length) + 3)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    places = [columns, rows]
    for place in places:
        waves = random.standard_normal(few, np.float32)
        wide = cv2.resize(waves, None, fx=length, fy=length, interpolation=cv2.INTER_CUBIC)
        moved = wide[length : length + height, length : length + width]
        place += np.float32(amplitude) * moved / max(float(moved.std()), 1e-6)
    sampled = cv2.remap(
        _grey(mask), *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(sampled >= 128)


def disc_on_contour(
    mask: Mask, radius: int, random: np.random.Generator, *, inside: bool
) -> Mask:
    """Return `mask` with a disc painted on a random place of its contour, see `with_disc`."""
    edge = np.argwhere(mask != grown(mask, -1))
    if not len(edge):
        return mask
    row, column = edge[random.integers(len(edge))]
    return with_disc(mask, (int(row), int(column)), radius, inside=inside)


Errors = Callable[[Mask, np.random.Generator], Mask | Pixels]
"""Returns a mask with errors."""


def _grey(mask: Mask) -> Pixels:
    return mask * np.uint8(255)

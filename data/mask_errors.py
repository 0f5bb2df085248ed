"""Errors of coarse masks, made on purpose: to train a refiner on, and to measure it.

Shapes: H x W a mask.
"""

import cv2
import numpy as np

from data.arrays import Mask, Pixels
from data.geometry import Size
from data.polygons.contour import polygons_of, rings_of
from data.polygons.filling import even_odd

HALF = 128
"""Least value of the object in a mask of 0 to 255."""

SECOND, DISCS = 0.4, 0.35
"""Probability of a second kind of error, and of discs on the contour."""

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
    return even_odd(rings_of(polygons), Size(*mask.shape))


def reduced(mask: Mask | Pixels, size: Size, *, smoothly: bool) -> Pixels:
    """Return a mask at another size, uint8 from 0 to 255.

    Args:
        mask: (H, W) bool, or uint8 from 0 to 255.
        size: to reduce it to, whatever its aspect.
        smoothly: by area means, which are soft; otherwise each pixel is one of the mask.
    """
    grey = np.asarray(_grey(mask) if mask.dtype == np.bool_ else mask, np.uint8)
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
    for place in (columns, rows):
        waves = random.standard_normal(few, np.float32)
        wide = cv2.resize(waves, None, fx=length, fy=length, interpolation=cv2.INTER_CUBIC)
        moved = wide[length : length + height, length : length + width]
        place += np.float32(amplitude) * moved / max(float(moved.std()), 1e-6)
    sampled = cv2.remap(
        _grey(mask), columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(sampled >= HALF)


def disc_on_contour(
    mask: Mask, radius: int, random: np.random.Generator, *, inside: bool, of: Mask | None = None
) -> Mask:
    """Return `mask` with a disc painted on it, see `with_disc`.

    Its centre is a random place on the contour of the mask `of`, by default of `mask` itself.
    """
    outlined = mask if of is None else of
    edge = np.argwhere(outlined != grown(outlined, -1))
    if not len(edge):
        return mask
    row, column = edge[random.integers(len(edge))]
    return with_disc(mask, (int(row), int(column)), radius, inside=inside)


def random_errors(mask: Mask, random: np.random.Generator) -> Mask:
    """Return `mask` with one kind of error or two, and perhaps with discs on its contour.

    Its contour is then off by up to about 10 pixels, and by up to 40 in the discs. One mask in
    seven has no other errors than the discs.
    """
    result = _one_error(mask, random, 1.0)
    if random.random() < SECOND:
        result = _one_error(result, random, 0.5)
    if random.random() < DISCS:
        before = result  # a disc on the contour of another would be farther off than either
        for _ in range(random.integers(1, 4)):
            radius, inside = int(random.uniform(4, 40)), bool(random.random() < 0.5)
            result = disc_on_contour(result, radius, random, inside=inside, of=before)
    return mask if result.all() or not result.any() else result


def _one_error(mask: Mask, random: np.random.Generator, strength: float) -> Mask:
    """Return `mask` with an error of one kind; `strength` is the share of its usual range."""
    kind = random.integers(7)
    if kind == 0:
        return mask
    if kind == 1:
        angle, distance = random.uniform(0, 2 * np.pi), random.uniform(0.5, 11) * strength
        return shifted(mask, round(distance * np.sin(angle)), round(distance * np.cos(angle)))
    if kind == 2:
        pixels = round(random.uniform(1, 10) * strength) or 1
        return grown(mask, pixels if random.random() < 0.5 else -pixels)
    if kind == 3:
        return wobbly(mask, random.uniform(0.5, 6) * strength, random)
    if kind == 4:
        return cornered(mask, random.uniform(1, 16) * strength)
    if kind == 5:
        return blurred(mask, random.uniform(2, 16) * strength) >= HALF
    return _reduced_at_random(mask, random)


def _reduced_at_random(mask: Mask, random: np.random.Generator) -> Mask:
    """Return `mask` after it has been a tenth to half as large, perhaps squashed to a square."""
    share, is_square = random.uniform(0.1, 0.57), random.random() < 0.5
    height, width = mask.shape
    side = max(height, width) * share
    size = Size(round(side), round(side)) if is_square else Size(round(height * share), round(side))
    small = reduced(mask, Size(*(max(1, n) for n in size)), smoothly=random.random() < 0.5)
    if random.random() < 0.3:
        small = _grey(small >= HALF)
    large = cv2.resize(small, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(large >= HALF)


def _grey(mask: Mask | Pixels) -> Pixels:
    return np.asarray(mask * np.uint8(255), np.uint8)

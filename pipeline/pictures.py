"""Pictures of what a model does: overlays, tiles, panels side by side.

Shapes: H x W a photo.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

RED = (230, 30, 60)
YELLOW = (255, 200, 0)

TITLE_HEIGHT = 36
GAP = 6


def overlay(photo: Pixels, mask: Mask, colour: tuple[int, int, int] = RED) -> Pixels:
    """Return `photo` with `mask` tinted and its contour drawn, (H, W, 3) uint8."""
    result = photo.astype(np.float32)
    result[mask] = 0.65 * result[mask] + 0.35 * np.array(colour, np.float32)
    drawn = result.astype(np.uint8)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(drawn, contours, -1, colour, thickness=max(1, photo.shape[1] // 900))
    return drawn


def outline_tiles(
    photo: Pixels, tiles: NDArray[np.int64], side: float, colour: tuple[int, int, int] = YELLOW
) -> Pixels:
    """Return `photo` with `tiles` (N, 2), row and column, outlined; `side` in its pixels."""
    drawn = photo.copy()
    for row, column in tiles:
        corner = round(column * side), round(row * side)
        opposite = round((column + 1) * side) - 1, round((row + 1) * side) - 1
        cv2.rectangle(drawn, corner, opposite, colour)
    return drawn


def difference(photo: Pixels, mask: Mask, truth: Mask) -> Pixels:
    """Return the photo in grey with false object pixels red and missed ones blue."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    drawn = np.repeat(grey[..., None] // 2 + 100, 3, axis=2).astype(np.uint8)
    drawn[mask & ~truth] = (220, 20, 20)
    drawn[truth & ~mask] = (20, 60, 230)
    return drawn


def white_on_black(mask: Mask) -> Pixels:
    """Return `mask` as a picture (H, W, 3)."""
    return np.repeat(mask.astype(np.uint8)[..., None] * 255, 3, axis=2)


def detail(mask: Mask, size: tuple[int, int]) -> tuple[slice, slice]:
    """Return where a window of `size` holds most of the contour of `mask`."""
    height, width = (min(wanted, had) for wanted, had in zip(size, mask.shape, strict=True))
    edge = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    total = cv2.integral(edge)
    sums = total[height:, width:] - total[:-height, width:]
    sums = sums - total[height:, :-width] + total[:-height, :-width]
    top, left = np.unravel_index(np.argmax(sums), sums.shape)
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)


def panel(pictures: Sequence[tuple[str, Pixels]], columns: int) -> Pixels:
    """Return titled pictures of one size in a grid."""
    titled = [_titled(title, picture) for title, picture in pictures]
    blank = np.full_like(titled[0], 255)
    titled += [blank] * (-len(titled) % columns)
    rows = [np.hstack(titled[i : i + columns]) for i in range(0, len(titled), columns)]
    return np.vstack(rows)


def _titled(title: str, picture: Pixels) -> Pixels:
    framed = cv2.copyMakeBorder(
        picture, TITLE_HEIGHT, GAP, GAP, GAP, cv2.BORDER_CONSTANT, value=(255, 255, 255)
    )
    cv2.putText(framed, title, (GAP, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 20, 20), 2)
    return np.asarray(framed, np.uint8)

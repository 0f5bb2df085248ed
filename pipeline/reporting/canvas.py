"""Drawing primitives for photos, masks, tiles and foveas: arrays in, arrays out.

Shapes: H x W a photo, N tiles, S_k the side of the window of level k.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from data.arrays import Mask, Pixels
from data.geometry import Size
from data.tile_grid import repeat_pixels

Colour = tuple[int, int, int]
Box = tuple[slice, slice]
"""Rows and columns."""

RED = (230, 30, 60)
YELLOW = (255, 210, 0)
BLUE = (20, 70, 235)
CYAN = (0, 225, 255)
INK = (20, 20, 20)

TINT = 0.35
"""Share of the colour in tinted pixels."""
GAP = 6
"""Pixels between the pictures of a panel."""
TITLE_SIZES = (12, 40)
"""Smallest and largest height of the letters of a title."""


def overlay(photo: Pixels, mask: Mask, colour: Colour = RED) -> Pixels:
    """Return `photo` with the object tinted and its contour drawn, (H, W, 3) uint8."""
    drawn = np.where(mask[..., None], tinted(photo, colour), photo)
    return draw_contour(drawn, mask, colour, width=max(1.5, max(mask.shape) / 1000))


def draw_contour(picture: Pixels, mask: Mask, colour: Colour, *, width: float) -> Pixels:
    """Return `picture` with a smooth line of about `width` pixels along the edge of `mask`.

    The line lies half inside and half outside; there is none along the photo's border.
    """
    levels = mask.astype(np.uint8) * 255
    soft = cv2.GaussianBlur(levels, (0, 0), width / 2, borderType=cv2.BORDER_REPLICATE)
    near = (soft > 0) & (soft < 255)
    inside = soft[near][:, None].astype(np.float32) / 255
    share = 4 * inside * (1 - inside)
    drawn = picture.copy()
    line = np.array(colour, np.float32)
    drawn[near] = np.rint(share * line + (1 - share) * drawn[near]).astype(np.uint8)
    return drawn


def tinted(picture: Pixels, colour: Colour, share: float = TINT) -> Pixels:
    """Return `picture` (..., 3) with `share` of `colour`."""
    shades = np.arange(256)[:, None] * (1 - share) + np.array(colour) * share
    table = np.rint(shades).astype(np.uint8)
    return table[picture, np.arange(3)]


def outline_tiles(
    photo: Pixels,
    tiles: NDArray[np.int64],
    side: float,
    uncertainty: NDArray[np.float32] | None = None,
) -> Pixels:
    """Return `photo` with `tiles` outlined: in yellow, or from yellow to red by uncertainty.

    Args:
        photo: (H, W, 3) uint8.
        tiles: (N, 2) row and column.
        side: side of a tile, in pixels of `photo`.
        uncertainty: (N,), above 0; if given, tiles are tinted as well.
    """
    drawn = photo.copy()
    shares = np.zeros(len(tiles))
    if uncertainty is not None:
        shares = uncertainty / max(uncertainty, default=1)
    # In ascending order, so that no outline is drawn over by a less uncertain tile.
    for i in np.argsort(shares, kind="stable"):
        colour = between(YELLOW, RED, float(shares[i]))
        rows, columns = (slice(round(at * side), round((at + 1) * side)) for at in tiles[i])
        if uncertainty is not None:
            drawn[rows, columns] = tinted(drawn[rows, columns], colour, 0.45)
        drawn = frame(drawn, (rows, columns), colour)
    return drawn


def between(first: Colour, last: Colour, share: float) -> Colour:
    """Return the colour `share` of the way from `first` to `last`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, last, strict=True))
    return red, green, blue


def frame(picture: Pixels, box: Box, colour: Colour, width: int = 1) -> Pixels:
    """Draw the outermost `width` pixels of `box` into `picture`, and return it.

    The box may reach beyond the picture.
    """
    (top, bottom), (left, right) = ((side.start, side.stop) for side in box)
    for i in range(width):
        corners = (left + i, top + i), (right - 1 - i, bottom - 1 - i)
        cv2.rectangle(picture, *corners, colour)
    return picture


def difference(photo: Pixels, mask: Mask, truth: Mask) -> Pixels:
    """Return the photo in grey, with false positives of `mask` in red, false negatives in blue."""
    return marked(greyed(photo), mask & ~truth, truth & ~mask)


def greyed(photo: Pixels) -> Pixels:
    """Return `photo` (H, W, 3) in light grey, on which colours stand out."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY) // 2 + 100
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def marked(picture: Pixels, added: Mask, lost: Mask) -> Pixels:
    """Return `picture` with the pixels of `added` red and those of `lost` blue."""
    drawn = picture.copy()
    drawn[added] = RED
    drawn[lost] = BLUE
    return drawn


def white_on_black(mask: Mask) -> Pixels:
    """Return `mask` as a picture (H, W, 3)."""
    return in_grey(mask.astype(np.uint8) * 255)


def in_grey(values: Pixels) -> Pixels:
    """Return (H, W) `values` as a picture (H, W, 3)."""
    return np.repeat(values[..., None], 3, axis=2)


def densest_crop(mask: Mask, size: tuple[int, int]) -> Box:
    """Return the box of `size` with the most pixels of `mask`; the middle of an empty mask.

    Of equally good boxes it is the one nearest to their mean, so that what is marked is not at the
    rim. The box is as large as the mask (H, W) at most.
    """
    height, width = (min(sides) for sides in zip(size, mask.shape, strict=True))
    if mask.any():
        counts = cv2.boxFilter(
            mask.astype(np.uint8), cv2.CV_32S, (width, height), anchor=(0, 0), normalize=False
        )
        counts = counts[: mask.shape[0] - height + 1, : mask.shape[1] - width + 1]
        best = np.argwhere(counts == counts.max())
        top, left = best[np.abs(best - best.mean(axis=0)).sum(axis=1).argmin()]
    else:
        top, left = (mask.shape[0] - height) // 2, (mask.shape[1] - width) // 2
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)


def lay_out(windows: Sequence[Pixels], tile: int) -> Pixels:
    """Return the windows of a fovea as one picture, each level at its place and scale.

    Args:
        windows: level k is (S_k, S_k, ...), finest first.
        tile: side of the tile in full-resolution pixels.

    Returns:
        (S, S, ...) with S = (2 K - 1) * tile for K levels. A pixel of level k is drawn as a
        square of 2^k x 2^k; finer levels cover coarser ones.
    """
    result = repeat_pixels(windows[-1], 1 << (len(windows) - 1))
    for level in reversed(range(len(windows) - 1)):
        rim = (len(windows) - 1 - level) * tile
        result[rim : len(result) - rim, rim : len(result) - rim] = repeat_pixels(
            windows[level], 1 << level
        )
    return result


def frame_levels(picture: Pixels, levels: int, colour: Colour) -> Pixels:
    """Return a picture from `lay_out` (S, S, 3) of `levels` levels with lines between them."""
    drawn = picture.copy()
    tile = len(picture) // (2 * levels - 1)
    for level in range(1, levels):
        side = slice(level * tile - 1, len(picture) - level * tile + 1)
        frame(drawn, (side, side), colour)
    return drawn


def fitted_size(size: Size, long_side: int) -> Size:
    """Return the size at which to show a picture of `size`, of about the same shape.

    If the longer side exceeds `long_side` it is reduced to that; else the size is multiplied by
    the largest integer that keeps it within `long_side`.
    """
    longer = max(size)
    if longer <= long_side:
        return Size(*(side * (long_side // longer) for side in size))
    return Size(*(max(1, round(side * long_side / longer)) for side in size))


def at_size(picture: Pixels, size: Size) -> Pixels:
    """Return a picture (H, W, 3) at `size`: by area means if that is smaller, else by repeating."""
    smaller = size.area < picture.shape[0] * picture.shape[1]
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=interpolation), np.uint8)


def marks_at_size(mask: Mask, size: Size) -> Mask:
    """Return `mask` (H, W) at `size`; a pixel is set if any pixel in its area is."""
    values = mask.astype(np.float32)
    interpolation = cv2.INTER_AREA if size.area < values.size else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(values, size[::-1], interpolation=interpolation) > 0)


def panel(pictures: Sequence[tuple[str, Pixels]], columns: int) -> Pixels:
    """Return titled pictures of one size in a grid, on white."""
    titled = [_titled(title, picture) for title, picture in pictures]
    blank = np.full_like(titled[0], 255)
    titled += [blank] * (-len(titled) % columns)
    rows = [np.hstack(titled[i : i + columns]) for i in range(0, len(titled), columns)]
    return np.vstack(rows)


def _titled(title: str, picture: Pixels) -> Pixels:
    width = picture.shape[1]
    smallest, largest = TITLE_SIZES
    letters = min(max(width // 26, smallest), largest)
    height = letters * 8 // 5
    framed = cv2.copyMakeBorder(
        picture, height, GAP, GAP, GAP, cv2.BORDER_CONSTANT, value=(255, 255, 255)
    )
    length = ImageFont.load_default(letters).getlength(title)
    fitting = max(smallest, int(letters * min(1, width / max(1, length))))
    whole = Image.fromarray(np.asarray(framed, np.uint8))
    draw = ImageDraw.Draw(whole)
    draw.text((GAP, height // 2), title, INK, ImageFont.load_default(fitting), anchor="lm")
    return np.array(whole)

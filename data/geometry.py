"""Integer geometry: sizes, padding, the nested grids, tiles and the rings of the fovea.

No pixels, no files, no tensors. Coordinates are (row, column). Level k of a pyramid
has squares of 2^k x 2^k full-resolution pixels as its pixels, so that
`x_full = 2^k * x_level` holds exactly, padding included.
"""

from dataclasses import dataclass
from typing import NamedTuple

COARSE_STRIDES = (4, 8, 16)
"""Strides that a coarse network may have: the side of its pixels in full-resolution pixels."""

TILE_SIDES = (8, 16, 32)

ALIGNMENT = max(TILE_SIDES)
"""Photos are padded to multiples of at least this, so that every grid and tile fits exactly."""

MAX_LEVELS = 4


class Size(NamedTuple):
    """Height and width in pixels."""

    height: int
    width: int

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.height * self.width


def padded(size: Size, alignment: int = ALIGNMENT) -> Size:
    """Return `size` rounded up to multiples of `alignment`.

    Raises:
        ValueError: a side is below one pixel.
    """
    if min(size) < 1:
        raise ValueError(f"a photo has at least one pixel, not {tuple(size)}")
    return Size(*(-(-side // alignment) * alignment for side in size))


def working_size(size: Size, long_side: int) -> Size:
    """Return the size at which a photo is processed.

    The longer side becomes `long_side`. A photo within a fifth of that keeps its size,
    because such resampling costs more sharpness than the change of scale is worth.
    """
    scale = long_side / max(size)
    if 0.8 <= scale <= 1.25:
        return size
    return Size(*(max(1, round(side * scale)) for side in size))


@dataclass(frozen=True)
class Fovea:
    """The window around a tile: sharp inside, coarser by half with each ring of tiles.

    Level 0 is the tile itself at full resolution. Level k is a window of 2k + 1 tiles a
    side at 1 / 2^k of the resolution; its ring is what lies outside the window of level
    k - 1. Sides are in pixels of the level.
    """

    tile: int = 16
    levels: int = 3

    def __post_init__(self) -> None:
        if self.tile not in TILE_SIDES:
            raise ValueError(f"a tile is {TILE_SIDES} pixels a side, not {self.tile}")
        if not 1 <= self.levels <= MAX_LEVELS:
            raise ValueError(f"a fovea has 1 to {MAX_LEVELS} levels, not {self.levels}")

    @property
    def margin(self) -> int:
        """Full-resolution pixels by which the largest window reaches beyond its tile."""
        return (self.levels - 1) * self.tile

    def tile_side(self, level: int) -> int:
        """Return the side of one tile at `level`."""
        return self.tile >> level

    def window_side(self, level: int) -> int:
        """Return the side of the window at `level`."""
        return (2 * level + 1) * self.tile_side(level)

    def hole_side(self, level: int) -> int:
        """Return the side of the part of the window that finer levels hold."""
        return (2 * level - 1) * self.tile_side(level) if level else 0

    def ring_pixels(self, level: int) -> int:
        """Return the number of pixels of the window outside its hole."""
        return self.window_side(level) ** 2 - self.hole_side(level) ** 2

    @property
    def num_pixels(self) -> int:
        """Pixels a patch holds, all levels together."""
        return sum(self.ring_pixels(level) for level in range(self.levels))

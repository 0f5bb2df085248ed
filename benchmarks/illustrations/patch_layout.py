"""The figure of a patch: what is kept of the windows around a tile.

python -m benchmarks.illustrations.patch_layout > docs/images/patch_layout.svg
"""

import sys

from benchmarks.illustrations.drawing import FAINT, PAPER, picture, rectangle, text
from data.geometry import Fovea

SCALE = 3
"""Pixels of the figure for one full-resolution pixel."""

SHADES = ("#f9c74f", "#f6b48f", "#bfd7ea")
"""Colours of the levels: tile, half and quarter."""

NAMES = ("the tile, full resolution", "ring at half resolution", "ring at a quarter")
TOP, GAP = 64, 40


def patch_layout() -> str:
    """Return the figure as SVG."""
    fovea = Fovea()
    whole = SCALE * (2 * fovea.levels - 1) * fovea.tile
    middle = GAP + whole / 2
    parts = [text(middle, 32, "A patch, in full-resolution pixels", size=15, bold=True)]
    for level in reversed(range(fovea.levels)):
        pixel = SCALE * 2**level
        parts += squares(fovea, level, middle, TOP + whole / 2, pixel, hole=False)
    reach = (2 * fovea.levels - 1) * fovea.tile
    parts.append(text(middle, TOP + whole + 24, f"{reach} x {reach} pixels of the photo"))
    left = 2 * GAP + whole
    parts.append(text(left + 310, 32, "What is on the disk", size=15, bold=True))
    for level in range(fovea.levels):
        x = left + 95 + 215 * level
        parts += squares(fovea, level, x, TOP + 72, 2 * SCALE, hole=True)
        words = f"{fovea.window_side(level)} x {fovea.window_side(level)}"
        if level:
            words += f" without {fovea.hole_side(level)} x {fovea.hole_side(level)}"
        below = TOP + 170
        parts += [
            text(x, below, NAMES[level], bold=True),
            text(x, below + 20, words),
            text(x, below + 40, f"= {fovea.ring_pixels(level)} pixels"),
        ]
    total = f"{fovea.num_pixels:,} pixels of 4 bytes, instead of {reach * reach:,}"
    parts.append(text(left + 310, TOP + whole + 24, total, size=14, bold=True))
    return picture(left + 640, TOP + whole + 44, "The layout of a patch", parts)


def squares(fovea: Fovea, level: int, x: float, y: float, pixel: float, *, hole: bool) -> list[str]:
    """Return a window of `level` around (x, y), with lines between its pixels.

    Args:
        fovea: sides of tile and windows.
        level: the level.
        x: middle of the window.
        y: middle of the window.
        pixel: side of a pixel of the level.
        hole: whether to leave out what finer levels hold.
    """
    num = fovea.window_side(level)
    side = num * pixel
    left, top = x - side / 2, y - side / 2
    lines = "".join(
        f"M{left + i * pixel:g} {top:g}v{side:g}M{left:g} {top + i * pixel:g}h{side:g}"
        for i in range(1, num)
    )
    parts = [
        rectangle(left, top, side, side, SHADES[level]),
        f"<path d='{lines}' stroke='{FAINT}' stroke-width='0.4' fill='none'/>",
    ]
    if hole and (empty := fovea.hole_side(level) * pixel):
        parts.append(rectangle(x - empty / 2, y - empty / 2, empty, empty, PAPER))
    return parts


if __name__ == "__main__":
    sys.stdout.write(patch_layout())

"""The figure of the architecture: all steps from a photo to its mask, with their shapes.

python -m benchmarks.illustrations.architecture > docs/images/architecture.svg
"""

import sys

from benchmarks.illustrations.drawing import arrow, picture, rectangle, text
from data.geometry import Fovea, Size, padded

PHOTO, STRIDE = Size(1280, 1918), 4
"""A photo of the challenge, and the stride of ENet."""

BOX = Size(96, 206)
DATA, NETWORK, STEP = "#e3f0fb", "#fdebc8", "#eef1f4"
LEGEND = {DATA: "data", NETWORK: "network with weights", STEP: "computed, without weights"}


def architecture() -> str:
    """Return the figure as SVG."""
    fovea = Fovea()
    whole = padded(PHOTO)
    coarse = whole.height // STRIDE, whole.width // STRIDE
    grid = whole.height // fovea.tile, whole.width // fovea.tile
    levels = [f"{whole.height >> level} x {whole.width >> level}" for level in range(fovea.levels)]
    windows = [f"{side} x {side}" for side in map(fovea.window_side, range(fovea.levels))]
    boxes = {
        "photo": (0, 0, DATA, "photo", ["1280 x 1918 x 3", "uint8 RGB, any size"]),
        "pyramid": (1, 0, STEP, "padded pyramid", [*levels]),
        "coarse": (2, 0, NETWORK, "coarse network", ["ENet, 359,136 weights", "sees a quarter"]),
        "logits": (3, 0, DATA, "coarse logits", [f"{coarse[0]} x {coarse[1]}", "float32"]),
        "tiles": (3, 1, STEP, "uncertain tiles", [f"N of {grid[0]} x {grid[1]}", "low < p < high"]),
        "windows": (2, 1, STEP, "windows of N tiles", [", ".join(windows), "RGB and p, uint8"]),
        "refiner": (1, 1, NETWORK, "refiner", ["77,793 weights", "N x 16 x 16 residuals"]),
        "stitch": (1, 2, STEP, "stitch", [f"logits {levels[0]}", "outside tiles: coarse"]),
        "upsample": (3, 2, STEP, "upsample", [levels[0], "bilinear"]),
        "mask": (0, 2, DATA, "mask", ["1280 x 1918, bool", "threshold once, last"]),
    }
    parts = []
    for column, row, fill, title, lines in boxes.values():
        x, y = corner(column, row)
        parts += [
            rectangle(x, y, BOX.width, BOX.height, fill),
            text(x + BOX.width / 2, y + 24, title, size=15, bold=True),
            *(text(x + BOX.width / 2, y + 46 + 18 * i, line) for i, line in enumerate(lines)),
        ]
    for first, last in (
        *(("photo", "pyramid"), ("pyramid", "coarse"), ("coarse", "logits"), ("logits", "tiles")),
        *(("tiles", "windows"), ("windows", "refiner"), ("refiner", "stitch"), ("stitch", "mask")),
        ("upsample", "stitch"),
    ):
        parts.append(joined(boxes[first][:2], boxes[last][:2]))
    right, middle = corner(3, 0)[0] + BOX.width, BOX.height / 2
    x, bottom = right + 16, corner(3, 2)[1] + middle
    parts.append(
        f"<polyline points='{right},{20 + middle:g} {x},{20 + middle:g} {x},{bottom:g}' "
        "fill='none' stroke='#1f2933' stroke-width='1.5'/>"
    )
    parts.append(arrow(x, bottom, right, bottom))
    parts += [joined((1, 0), (2, 1)), joined((3, 2), (2, 1))]
    for i, (fill, words) in enumerate(LEGEND.items()):
        parts += [
            rectangle(180 + 270 * i, corner(0, 3)[1] - 24, 16, 16, fill),
            text(204 + 270 * i, corner(0, 3)[1] - 11, words, anchor="start"),
        ]
    return picture(1090, corner(0, 3)[1] + 10, "From a photo to its mask", parts)


def corner(column: int, row: int) -> tuple[int, int]:
    """Return the left upper corner of a box."""
    return 20 + 270 * column, 20 + 150 * row


def joined(first: tuple[int, int], last: tuple[int, int]) -> str:
    """Return an arrow from one box to another: along a row, a column, or across."""
    (x0, y0), (x1, y1) = corner(*first), corner(*last)
    columns, rows = last[0] - first[0], last[1] - first[1]
    if not rows:
        middle = y0 + BOX.height / 2
        return arrow(x0 + BOX.width * (columns > 0), middle, x1 + BOX.width * (columns < 0), middle)
    leaves, enters = (0.5 + sign(columns) / 4, 0.5 - sign(columns) / 4)
    ends = (y0 + BOX.height, y1) if rows > 0 else (y0, y1 + BOX.height)
    return arrow(x0 + BOX.width * leaves, ends[0], x1 + BOX.width * enters, ends[1])


def sign(number: int) -> int:
    """Return -1, 0 or 1."""
    return (number > 0) - (number < 0)


if __name__ == "__main__":
    sys.stdout.write(architecture())

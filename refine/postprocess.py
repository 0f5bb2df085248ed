"""Classical methods on finished masks: steps that can be combined in any order.

    smooth=K            majority of the K x K pixels around each
    close-open=K        holes and gaps narrower than K closed, then specks and spikes removed
    components=AREA     the largest piece alone, holes of up to AREA pixels filled
    specks=AREA         pieces of up to AREA pixels removed, holes of up to AREA pixels filled
    regions=SIDE        squares on the contour decided region by region, see `refine.regions`
    coarse-regions=SIDE the same at a quarter of the size

Shapes: H x W a photo.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np

from data.arrays import Mask, Photo
from refine import regions


@dataclass(frozen=True)
class Method:
    """A way to improve a mask, and the values that its one setting may have."""

    function: Callable[[Mask, Photo, int], Mask]
    default: int
    allowed: range
    """The last value is excluded, as in any range."""


@dataclass(frozen=True)
class Step:
    """One of `METHODS` with its setting; calling it returns a new mask."""

    name: str
    value: int

    def __post_init__(self) -> None:
        if self.name not in METHODS:
            raise ValueError(f"no step {self.name!r}; there are {', '.join(METHODS)}")
        allowed = METHODS[self.name].allowed
        if self.value not in allowed:
            raise ValueError(
                f"{self.name} takes {allowed[0]} to {allowed[-1]} in steps of {allowed.step}, "
                f"not {self.value}"
            )

    def __str__(self) -> str:
        return f"{self.name}={self.value}"

    def __call__(self, mask: Mask, photo: Photo) -> Mask:
        """Return `mask` (H, W) bool of `photo` (H, W, 3) uint8 RGB after this step, a new array."""
        if mask.shape != photo.shape[:2]:
            raise ValueError(f"a mask of {mask.shape} is not that of a photo of {photo.shape}")
        return METHODS[self.name].function(mask, photo, self.value)


def parse(text: str) -> Step:
    """Return the step that `text` names: `name=value`, or `name` for its default.

    Raises:
        ValueError: there is no such step, or it has no such value.
    """
    name, given, value = text.partition("=")
    if not given:
        return Step(name, METHODS[name].default if name in METHODS else 0)
    try:
        number = int(value)
    except ValueError as error:
        raise ValueError(f"{text!r} has no whole number after its {name}=") from error
    return Step(name, number)


def apply(steps: Sequence[Step], mask: Mask, photo: Photo) -> Mask:
    """Return `mask` (H, W) bool after all `steps`; itself where there are none."""
    return reduce(lambda before, step: step(before, photo), steps, mask)


def masks_after_each(steps: Sequence[Step], mask: Mask, photo: Photo) -> Iterator[tuple[str, Mask]]:
    """Yield the text of each step and the mask after it."""
    for step in steps:
        mask = step(mask, photo)
        yield str(step), mask


def smooth(mask: Mask, _: Photo, side: int) -> Mask:
    """Return the majority in the square of `side` around each pixel.

    Pixels beyond the photo have no vote; a tie leaves a pixel as it is. What is thinner than half
    of the square is lost, antennas above all.
    """
    window, border = (side, side), cv2.BORDER_CONSTANT
    votes = np.where(mask, 1, -1).astype(np.float32)
    total = cv2.boxFilter(votes, -1, window, normalize=False, borderType=border)
    return np.asarray((total > 0) | (mask & (total == 0)))


def close_open(mask: Mask, _: Photo, side: int) -> Mask:
    """Return `mask` thickened and shrunk, then shrunk and thickened, by a square of `side`.

    Pixels beyond the photo neither add to the mask nor take from it.
    """
    square = np.ones((side, side))
    closed = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_CLOSE, square)
    return cv2.morphologyEx(closed, cv2.MORPH_OPEN, square) > 0


def components(mask: Mask, _: Photo, largest_hole: int) -> Mask:
    """Return the largest piece of `mask`, its holes of up to `largest_hole` pixels filled.

    Pixels of one piece touch at a side or a corner, those of one hole at a side. A hole is
    background that does not reach the photo's edge. Larger holes are real: background seen through
    windows and wheels.
    """
    return fill_holes(largest_piece(mask), largest_hole)


def specks(mask: Mask, _: Photo, largest: int) -> Mask:
    """Return `mask` without its pieces of up to `largest` pixels, and with such holes filled.

    Pieces and holes are those of `components`. All larger pieces stay, however many there are. A
    mask of which nothing else would be left keeps its largest piece.
    """
    found = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    labels, stats = found[1:3]
    is_large = stats[:, cv2.CC_STAT_AREA] > largest
    is_large[0] = False  # the background
    return fill_holes(is_large[labels] if is_large.any() else largest_piece(mask), largest)


def largest_piece(mask: Mask) -> Mask:
    """Return the largest piece of `mask`, 8-connected; the first of equal ones."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    areas[0] = 0  # the background
    return np.asarray(mask & (labels == areas.argmax()))


def num_detached(mask: Mask) -> int:
    """Return the number of pixels of `mask` (H, W) that are not in its largest piece."""
    x, y, columns, rows = cv2.boundingRect(mask.astype(np.uint8))
    within = mask[y : y + rows, x : x + columns].astype(np.uint8)
    if not within.size:
        return 0
    _, _, stats, _ = cv2.connectedComponentsWithStats(within, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return int(areas.sum() - areas.max(initial=0))


def fill_holes(mask: Mask, largest: int) -> Mask:
    """Return `mask` with every hole of up to `largest` pixels filled."""
    height, width = mask.shape
    background = (~mask).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(background, connectivity=4)
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[:, cv2.CC_STAT_WIDTH], top + stats[:, cv2.CC_STAT_HEIGHT]
    inside = (left > 0) & (top > 0) & (right < width) & (bottom < height)
    filled = inside & (stats[:, cv2.CC_STAT_AREA] <= largest)
    filled[0] = False  # the mask itself
    return np.asarray(mask | filled[labels])


ODD = range(3, 101, 2)
SIDES = range(8, 65, 8)

METHODS: dict[str, Method] = {
    "smooth": Method(smooth, 3, ODD),
    "close-open": Method(close_open, 5, ODD),
    "components": Method(components, 200, range(10**8)),
    "specks": Method(specks, 200, range(10**8)),
    "regions": Method(regions.refine, 32, SIDES),
    "coarse-regions": Method(regions.refine_coarsely, 32, SIDES),
}
"""All methods by name."""

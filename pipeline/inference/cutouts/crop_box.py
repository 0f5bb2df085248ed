"""The part of a photo that a cutout shows.

Shapes: H x W a photo.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask
from data.errors import SettingsError
from data.geometry import Size


@dataclass(frozen=True)
class Box:
    """Rows and columns of a photo, from the first to before the last."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> Size:
        """Its height and width."""
        return Size(self.bottom - self.top, self.right - self.left)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of this box in a photo."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def __str__(self) -> str:
        return f"{self.top},{self.left},{self.bottom},{self.right}"

    def union(self, other: "Box") -> "Box":
        """Return the smallest box that holds both."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def within(self, size: Size) -> "Box":
        """Return the part that lies in a photo of `size`."""
        return Box(
            *(min(max(value, 0), size.height if i % 2 == 0 else size.width)
              for i, value in enumerate((self.top, self.left, self.bottom, self.right)))
        )  # fmt: skip

    def cut(self, picture: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the part of (H, W, ...) that lies in this box, a view."""
        return picture[self.slices]


@dataclass(frozen=True)
class Margin:
    """What a box has around the object: pixels, or a share of the longer side of the object."""

    value: float
    is_share: bool

    @classmethod
    def parse(cls, text: str) -> "Margin":
        """Return the margin that `text` names, such as 3% or 20.

        Raises:
            SettingsError: it names none.
        """
        is_share = text.strip().endswith("%")
        try:
            value = float(text.strip().removesuffix("%"))
        except ValueError:
            value = -1.0
        if not 0 <= value <= 10_000:
            raise SettingsError(
                f"--margin takes 3% or a number of pixels, such as 20, not {text!r}"
            )
        return cls(value / 100 if is_share else value, is_share)

    def __str__(self) -> str:
        return f"{100 * self.value:g}%" if self.is_share else f"{self.value:g}"

    def around(self, box: Box) -> Box:
        """Return `box` with this margin on all sides, in whole pixels."""
        pixels = round(self.value * max(box.size) if self.is_share else self.value)
        return Box(box.top - pixels, box.left - pixels, box.bottom + pixels, box.right + pixels)


NO_MARGIN = Margin(0.0, is_share=False)


def object_box(visible: Mask) -> Box | None:
    """Return the smallest box that holds all that is true in (H, W); None if nothing is."""
    rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
    if not len(rows):
        return None
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def shared_box(boxes: Iterable[Box | None]) -> Box | None:
    """Return the smallest box that holds all `boxes`; None if there is none."""
    found = [box for box in boxes if box is not None]
    return reduce(Box.union, found) if found else None

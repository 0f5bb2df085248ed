"""How polygons are written, whatever the format."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask
from data.errors import SettingsError
from data.polygons.contour import Polygon, polygons_of

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class PolygonOptions:
    """The options of all writers."""

    category: str = "object"
    """Name of what is inside the polygons."""
    tolerance: float = 0.0
    """Pixels that a polygon may lie beside the contour, in order to have fewer corners."""
    instances: bool = False
    """Whether each part of a mask is an object of its own; else they are one object."""

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < np.inf:
            raise SettingsError(f"a tolerance is 0 pixels or more, not {self.tolerance}")
        if not self.category.strip() or not self.category.isprintable():
            raise SettingsError(f"a category has a name of one line, not {self.category!r}")

    @property
    def text(self) -> str:
        """All that polygons of a mask depend on, for manifests."""
        return f"category={self.category} tolerance={self.tolerance} instances={self.instances}"

    def objects(self, mask: Mask, logits: Logits | None = None) -> list[Sequence[Polygon]]:
        """Return the objects in `mask` (H, W), the largest first; none where it is empty.

        Args:
            mask: (H, W).
            logits: (H, W) that it was made from, for a contour between the pixels.
        """
        polygons = polygons_of(mask, logits=logits, tolerance=self.tolerance)
        if self.instances:
            return [[polygon] for polygon in polygons]
        return [polygons] if polygons else []

"""What the settings of a training are fitted to: how many photos there are, and what is on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from data.arrays import Mask
from data.geometry import Size
from pipeline.evaluation.metrics import contour


@dataclass(frozen=True)
class ObjectFacts:
    """The object of one photo, in pixels of the photo."""

    size: Size
    area: int
    contour: int
    """Pixels of its outline."""


@dataclass(frozen=True)
class PhotoFacts:
    """A data set in a few numbers. Lengths are medians over photos, in pixels of the photos."""

    num_photos: int
    num_groups: int
    long_side: int
    short_side: int
    object_share: float
    """Share of a photo that is object, 0 to 1."""
    object_width: float
    """How wide the object is: twice its area over its outline, which is the width of a strip and
    the radius of a disc. 0 if most photos have no object."""
    contour: float
    """Pixels of the outline."""


def summary(objects: Sequence[ObjectFacts], num_photos: int, num_groups: int) -> PhotoFacts:
    """Return the facts of `num_photos` photos of `num_groups`, some of which show `objects`."""
    return PhotoFacts(
        num_photos=num_photos,
        num_groups=num_groups,
        long_side=round(median(max(o.size) for o in objects)),
        short_side=round(median(min(o.size) for o in objects)),
        object_share=median(o.area / o.size.area for o in objects),
        object_width=median(2 * o.area / max(o.contour, 1) for o in objects),
        contour=median(o.contour for o in objects),
    )


def object_facts(mask: Mask) -> ObjectFacts:
    """Return the facts of a mask (H, W)."""
    outline = int(np.count_nonzero(contour(mask)))
    return ObjectFacts(Size(*mask.shape), int(np.count_nonzero(mask)), outline)

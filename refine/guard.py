"""Whether a refined mask is better than the one that was given, without knowing the true one.

The refiner is wrong somewhere too. Its probabilities say how much: their sum of min(p, 1 - p) over
the band is the number of wrong pixels that it expects. A given mask that is exact differs from the
refined one by about as many pixels. One that is off differs by more. So a photo's mask is replaced
only if the two differ by clearly more than the refiner's own errors.

Single places may be wrong where the rest is exact, such as a hole or a lump. A place is replaced by
itself if the contours are far apart there and the refiner is certain. It says nothing of the rest.

Shapes: H x W a photo at working size.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask
from refine.distance import signed_distance

MOVED = 1.75
"""Pixels by which the masks of a photo must differ, for each that the refiner expects to be wrong,
besides places that are replaced by themselves. Chosen so that no mask of 15 photos got worse
(docs/results/accuracy.md)."""

FAR, CERTAIN = 12.0, 0.88
"""Largest distance in pixels of a place from the given contour, and mean probability that the
refiner is right in it, above which a place alone is replaced."""

CUT_OFF = 16
"""Changed pixels at the rim of the band from which the contour may have to move further."""


@dataclass(frozen=True)
class Decision:
    """What becomes of a refined mask."""

    accepted: Mask
    """(H, W): where the refined mask is taken."""
    moved: float
    """Pixels by which the masks differ for each that the refiner expects to be wrong, besides
    places that are far off."""
    kept: float
    """Share of the pixels by which the masks differ that stay as given; 0 if they do not differ."""


def decide(given: Mask, refined: NDArray[np.float32], band: Mask) -> Decision:
    """Return where the refined mask is to replace the given one.

    Args:
        given: (H, W).
        refined: (H, W) logits, above zero is object.
        band: (H, W): the pixels that were refined.
    """
    differs = band & ((refined > 0) != given)
    odds = np.exp(-np.abs(refined))
    doubt = np.asarray(odds / (1 + odds), np.float32)
    num_differing = int(np.count_nonzero(differs))
    places = far_and_certain(given, doubt, differs)
    num_others = num_differing - int(np.count_nonzero(places))
    moved = num_others / max(1.0, float(doubt[band].sum(dtype=np.float64)))
    if moved >= MOVED:
        return Decision(band, moved, 0.0)
    return Decision(places, moved, num_others / max(1, num_differing))


def reaches_rim(differs: Mask, band: Mask) -> bool:
    """Whether a mask differs (H, W) at the rim of the (H, W) band that was refined."""
    # Beyond the photo's border nothing is missing.
    inner = cv2.erode(band.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return int(np.count_nonzero(differs & band & ~inner)) >= CUT_OFF


def far_and_certain(given: Mask, doubt: NDArray[np.float32], differs: Mask) -> Mask:
    """Return the places, of those where a mask `differs` (H, W), that alone are reason enough."""
    num, labels = cv2.connectedComponents(differs.view(np.uint8), connectivity=8)
    rows, columns = np.nonzero(differs)
    own = np.asarray(labels)[rows, columns].astype(np.intp)
    area = np.maximum(1, np.bincount(own, minlength=num))
    certainty = 1 - np.bincount(own, doubt[rows, columns], minlength=num) / area
    farthest = np.zeros(num)
    distance = np.abs(signed_distance(given))[rows, columns].astype(np.float64)
    np.maximum.at(farthest, own, distance)
    is_reason = (farthest > FAR) & (certainty >= CERTAIN)
    is_reason[0] = False
    return np.asarray(is_reason[np.asarray(labels)])

"""A given mask as logits: where the second stage begins, and what stays where it changes nothing.

Shapes: H x W a photo, Hw x Ww its working size, h x w a mask, which may have another size.
"""

from dataclasses import dataclass

from data.arrays import Pixels
from data.geometry import Size, working_size
from pipeline.model import Model
from refine.uncertain_band import (
    BAND,
    Floats,
    between_pixels,
    fitted,
    mask_logits,
    steepness,
)


@dataclass(frozen=True)
class Given:
    """Logits of a given mask, at working size and at that of the photo."""

    at_work: Floats
    """(Hw, Ww)"""
    whole: Floats
    """(H, W), above zero at the same pixels as the mask, with the contour between pixels."""
    band: float
    """Pixels on either side of the contour that are uncertain, at working size."""
    steepness: float
    """Logits for one of these pixels."""


def given_logits(mask: Pixels, size: Size, model: Model, band: float | None) -> Given:
    """Return the logits of a photo's mask, uncertain in a band along its contour.

    Args:
        mask: (h, w) uint8, 255 for certain object; it is stretched to the photo.
        size: of the photo.
        model: whose second stage is to refine it.
        band: pixels of the photo on either side of the contour; None if that is not known.
    """
    at_work = working_size(size, model.long_side)
    scale = max(at_work) / max(size)
    width = BAND if band is None else band * scale
    slope = steepness(width, model.low, model.high)
    grey = fitted(mask, size)
    own = mask_logits(grey, slope * scale)
    whole = between_pixels(grey, own, slope * scale)
    if at_work != size:
        own = mask_logits(fitted(mask, at_work), slope)
    return Given(own, whole, width, slope)

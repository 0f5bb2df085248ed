"""The pixels of cutouts, from a prediction.

Shapes: H x W a photo, h x w what is kept of it.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Pixels
from data.geometry import Size
from pipeline.inference.cutouts.background import Background
from pipeline.inference.cutouts.crop_box import Box, object_box
from pipeline.inference.cutouts.cutout_options import CutoutOptions
from pipeline.inference.prediction import Prediction
from refine.matte.colours import object_colours
from refine.matte.coverage import Floats, contour_alpha, probability_alpha
from refine.matte.growth import grown

Samples = NDArray[Any]
"""(H, W, 3) or (H, W, 4), uint8 or uint16."""


def alpha_of(prediction: Prediction, options: CutoutOptions) -> Floats:
    """Return the (H, W) alpha of a prediction, from 0 to 1."""
    mask, logits = prediction.mask, prediction.logits
    if options.alpha == "probability":
        return probability_alpha(mask, logits)
    if options.grow:
        mask, logits = grown(mask, logits, options.grow)
    return contour_alpha(mask, logits)


def to_pixels(alpha: Floats) -> Pixels:
    """Return alpha from 0 to 255."""
    return np.asarray(cv2.convertScaleAbs(alpha, alpha=255), np.uint8)


def box_of(alpha: Floats, options: CutoutOptions, shared: Box | None = None) -> Box:
    """Return the part of a photo that its cutout shows; all of it where there is no object.

    Args:
        alpha: (H, W) from 0 to 1.
        options: with the margin.
        shared: the box of the objects of a group, without margin; by default that of this one.
    """
    size = Size(*alpha.shape)
    found = shared or (visible_box(alpha) if options.crop else None)
    return Box(0, 0, *size) if found is None else options.margin.around(found).within(size)


def visible_box(alpha: Floats) -> Box | None:
    """Return the box of all pixels whose alpha is not 0 with 8 bits."""
    return object_box(to_pixels(alpha) > 0)


def cutout(photo: Samples, alpha: Floats, background: Background | None, box: Box) -> Samples:
    """Return the pixels of a cutout, of the type of `photo`.

    Args:
        photo: (H, W, 3) uint8 or uint16 RGB.
        alpha: (H, W) from 0 to 1.
        background: what the object is laid on, if it is to be opaque.
        box: what is kept.

    Returns:
        (h, w, 4) RGBA, or (h, w, 3) RGB on a background.
    """
    colours = np.ascontiguousarray(box.cut(object_colours(photo, alpha)))
    kept = np.ascontiguousarray(box.cut(alpha))
    most = np.iinfo(photo.dtype).max
    if background is None:
        levels = to_pixels(kept) if most == 255 else np.rint(kept * most).astype(photo.dtype)
        return np.asarray(cv2.merge([*cv2.split(colours), levels]))
    behind = background.covering(box.size).astype(photo.dtype)
    return laid_on(colours, kept, behind * photo.dtype.type(most // 255))


def laid_on(colours: Samples, alpha: Floats, behind: Samples) -> Samples:
    """Return (h, w, 3) colours on (h, w, 3) `behind`; only mixed pixels are computed."""
    result = np.array(behind)
    cv2.copyTo(colours, (alpha == 1).view(np.uint8), result)
    mixed = np.nonzero((alpha > 0) & (alpha < 1))
    share = alpha[mixed][:, None]
    result[mixed] = np.rint(share * colours[mixed] + (1 - share) * behind[mixed])
    return result

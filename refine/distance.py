"""Distance to the contour of a mask."""

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask

FAR = 1e4
"""Distance to a contour that is nowhere."""


def signed_distance(mask: Mask) -> NDArray[np.float32]:
    """Return (H, W) pixels from each to the contour of (H, W) `mask`, above zero inside.

    The contour runs between pixels, half a pixel away from those on either side. The distance is
    exact to a pixel. In a mask without a contour it is `FAR`, or minus that.
    """
    if mask.all() or not mask.any():
        return np.where(mask, np.float32(FAR), np.float32(-FAR))
    inside, outside = (
        cv2.distanceTransform(part.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for part in (mask, ~mask)
    )
    return np.asarray(inside - outside - (mask - np.float32(0.5)), np.float32)

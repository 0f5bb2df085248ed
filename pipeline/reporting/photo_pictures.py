"""The small pictures of one photo in a report, as files of WebP.

Shapes: H x W the photo.
"""

import numpy as np

from data.arrays import Mask, Photo, Pixels
from data.encoding import FORMATS, encode_picture
from data.geometry import Size
from data.tile_grid import repeat_pixels
from pipeline.inference.prediction import Prediction
from pipeline.reporting.canvas import (
    RED,
    Box,
    at_size,
    densest_crop,
    difference,
    draw_contour,
    fitted_size,
    greyed,
    marked,
    marks_at_size,
    tinted,
)

WIDEST = 420
"""Longer side of a whole photo, in pixels."""

CROP = Size(120, 180)
"""The part of a photo that is shown enlarged."""

ZOOM = 2
"""How much it is enlarged in the file; pages may enlarge it more."""

QUALITY = 80
"""Of the pictures."""

UNSURE = 2.2
"""Logits nearer to zero than this are uncertain: probabilities from 0.1 to 0.9."""

CAPTIONS = {
    "whole": "the mask on the photo",
    "errors": "where it differs: red is too much, blue is missing",
    "spot": "enlarged: the worst place",
    "spot_errors": "the same, with what differs",
}
"""What the pictures show, where the true mask is known."""

CAPTIONS_OF_UNSURE = {
    "whole": "the mask on the photo",
    "spot": "enlarged: the least certain place",
    "spot_mask": "the same, with the contour of the mask",
}
"""What they show where it is not."""


def compared_pictures(
    photo: Photo, mask: Mask, truth: Mask, spot: Box | None = None, shown: Mask | None = None
) -> dict[str, bytes]:
    """Return the pictures of a mask beside the true one, by the names of `CAPTIONS`.

    Args:
        photo: (H, W, 3).
        mask: (H, W), as it was predicted.
        truth: (H, W).
        spot: the part to enlarge; by default where most of it differs.
        shown: the mask on the whole photo; by default the predicted one.
    """
    size = shown_size(photo)
    small = at_size(photo, size)
    added, lost = (marks_at_size(part, size) for part in (mask & ~truth, truth & ~mask))
    near = densest_crop(mask ^ truth, CROP) if spot is None else spot
    return {
        "whole": encoded(with_mask(small, mask if shown is None else shown)),
        "errors": encoded(marked(greyed(small), added, lost)),
        "spot": encoded(repeat_pixels(photo[near], ZOOM)),
        "spot_errors": encoded(
            repeat_pixels(difference(photo[near], mask[near], truth[near]), ZOOM)
        ),
    }


def unsure_pictures(prediction: Prediction) -> dict[str, bytes]:
    """Return the pictures of a mask without a true one, by the names of `CAPTIONS_OF_UNSURE`."""
    photo, mask = prediction.photo, prediction.mask
    near = densest_crop(np.abs(prediction.logits) < UNSURE, CROP)
    large, inside = repeat_pixels(photo[near], ZOOM), repeat_pixels(mask[near], ZOOM)
    return whole_picture(photo, mask) | {
        "spot": encoded(large),
        "spot_mask": encoded(draw_contour(large, np.asarray(inside, np.bool_), RED, width=2)),
    }


def whole_picture(photo: Photo, mask: Mask) -> dict[str, bytes]:
    """Return the picture of a whole photo with its mask, by its name."""
    return {"whole": encoded(with_mask(at_size(photo, shown_size(photo)), mask))}


def with_mask(small: Photo, mask: Mask) -> Pixels:
    """Return a small photo with a mask (H, W) tinted on it and its contour drawn."""
    size = Size(*small.shape[:2])
    levels = at_size(mask.astype(np.uint8) * 255, size)
    inside = levels >= 128
    drawn = np.where(inside[..., None], tinted(small, RED), small)
    return draw_contour(drawn, inside, RED, width=1.5)


def shown_size(photo: Photo) -> Size:
    """Return the size at which a whole photo is shown."""
    return fitted_size(Size(*photo.shape[:2]), WIDEST)


def encoded(picture: Pixels) -> bytes:
    """Return a picture (H, W, 3) as a file."""
    return encode_picture(picture, FORMATS["webp"], QUALITY)

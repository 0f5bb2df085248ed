"""Colours of embedded ICC profiles to sRGB, which networks are trained on and everything assumes.

A transform is made once a profile and kept. Profiles that are sRGB themselves, by what they do to
colours, damaged ones and those of another colour space than the photo change nothing.
"""

from functools import lru_cache
from io import BytesIO
from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageCms
from PIL.ImageCms import ImageCmsTransform

from data.arrays import Photo, Pixels

Space = Literal["RGB", "L", "CMYK", "LAB"]

SPACES: dict[Space, bytes] = {"RGB": b"RGB ", "L": b"GRAY", "CMYK": b"CMYK", "LAB": b"Lab "}
"""What the header of a profile calls the colour space of each mode of Pillow."""

SPACE_AT = slice(16, 20)
"""Where in a profile its colour space stands."""

LEAST_CHANGE = 2
"""Largest change of a channel, of 255, by a profile that counts as sRGB."""

ROWS_OF = 2**20
"""Pixels that are converted together, which bounds the memory that it takes."""


def to_srgb(photo: Photo, profile: bytes | None) -> None:
    """Convert the colours of an (H, W, 3) uint8 photo to sRGB, in place.

    Args:
        photo: RGB in the space of `profile`. If that is one of greys, the channels are equal.
        profile: an ICC profile, or None for none.
    """
    if profile is None:
        return
    if profile[SPACE_AT] == SPACES["L"]:
        table = grey_table(profile)
        if table is not None and _is_grey(photo):
            cv2.LUT(photo, table[None], dst=photo)
        return
    transform = transform_of(profile, "RGB")
    if transform is None:
        return
    rows = max(1, ROWS_OF // photo.shape[1])
    for top in range(0, len(photo), rows):
        part = photo[top : top + rows]
        part[:] = applied(transform, Image.fromarray(part))


def applied(transform: ImageCmsTransform, image: Image.Image) -> Pixels:
    """Return the (H, W, 3) uint8 RGB pixels that `transform` makes of an image."""
    return np.asarray(transform.apply(image), np.uint8)


@lru_cache(maxsize=32)
def transform_of(profile: bytes | None, space: Space) -> ImageCmsTransform | None:
    """Return the transform of a profile to sRGB; None where colours are to stay as they are.

    A transform may be applied by several threads at once.

    Args:
        profile: an ICC profile; None for the usual one of `space`, which only LAB has.
        space: mode of the pixels.
    """
    if profile is not None and profile[SPACE_AT] != SPACES[space]:
        return None
    try:
        source = ImageCms.createProfile("LAB") if profile is None else _opened(profile)
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            space,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return None if space == "RGB" and _is_srgb(transform) else transform


@lru_cache(maxsize=32)
def grey_table(profile: bytes) -> Pixels | None:
    """Return (256, 3) uint8 the sRGB colour of each grey; None where they are to stay."""
    transform = transform_of(profile, "L")
    if transform is None:
        return None
    greys = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    return applied(transform, greys).reshape(256, 3)


def _opened(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(BytesIO(profile))


def _is_srgb(transform: ImageCmsTransform) -> bool:
    """Whether a transform of RGB leaves colours of all kinds as they are."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    change = applied(transform, Image.fromarray(colours)).astype(int) - colours
    return int(np.abs(change).max()) <= LEAST_CHANGE


def _is_grey(photo: Photo) -> bool:
    """Whether all channels of a photo are equal, looked at in one row of each hundred."""
    some = photo[:: max(1, len(photo) // 100)]
    return bool((some == some[..., :1]).all())

"""Where a cut-out subject goes: region, margins, scale and position, as remove.bg names them.

Shapes: H x W a photo or canvas, h x w a part of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Pixels
from data.geometry import Size
from pipeline.inference.cutouts.crop_box import Box, object_box
from pipeline.serving.api_error import bad

LENGTH = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)(px|%)?")

MOST_MARGIN = 500.0
"""Most pixels of a margin; as a share it is at most half of the subject."""

LEAST_SCALE = 0.1


@dataclass(frozen=True)
class Length:
    """Pixels, or a share of something."""

    value: float
    is_share: bool

    @classmethod
    def parse(cls, text: str, name: str) -> "Length":
        """Return what `text` says, such as 30px or 10%.

        Raises:
            ApiError: it says nothing of the kind.
        """
        match = LENGTH.fullmatch(text)
        if match is None:
            raise bad("invalid_parameter", f"{name} takes lengths such as 30px or 10%")
        value, is_share = float(match[1]), match[2] == "%"
        return cls(value / 100 if is_share else value, is_share)

    def of(self, whole: int) -> int:
        """Return it in whole pixels, where 100 % are `whole`."""
        return round(self.value * whole if self.is_share else self.value)


def region(text: str, size: Size) -> Box:
    """Return the box that `roi` names, "x1 y1 x2 y2", within a photo of `size`.

    Raises:
        ApiError: it names none, or an empty one.
    """
    lengths = _lengths(text, "roi", (4,))
    left, right = (lengths[i].of(size.width) for i in (0, 2))
    top, bottom = (lengths[i].of(size.height) for i in (1, 3))
    box = Box(top, left, bottom, right).within(size)
    if box.top >= box.bottom or box.left >= box.right:
        raise bad(
            "invalid_parameter", "roi is left, top, right and bottom, such as 0% 0% 100% 100%"
        )
    return box


@dataclass(frozen=True)
class Margins:
    """Margins around a subject: top, right, bottom, left."""

    sides: tuple[Length, Length, Length, Length]

    @classmethod
    def parse(cls, text: str) -> "Margins":
        """Return the margins of `crop_margin`: one value, two (vertical, horizontal) or four.

        Raises:
            ApiError: it names none, or they are too large.
        """
        given = _lengths(text or "0", "crop_margin", (1, 2, 4))
        if any(each.value > (0.5 if each.is_share else MOST_MARGIN) for each in given):
            raise bad("invalid_parameter", "crop_margin is 50% or 500px at most")
        top, right, bottom, left = (given * 4)[:4] if len(given) < 4 else given
        return cls((top, right, bottom, left))

    def around(self, box: Box, size: Size) -> Box:
        """Return a box with these margins, within a photo of `size`."""
        top, right, bottom, left = self.sides
        height, width = box.size
        return Box(
            box.top - top.of(height),
            box.left - left.of(width),
            box.bottom + bottom.of(height),
            box.right + right.of(width),
        ).within(size)


@dataclass(frozen=True)
class Placement:
    """How large a subject is on its canvas, and where."""

    scale: float | None
    """Share of the canvas that it fills in the direction that limits it; None leaves it so."""
    position: tuple[float, float] | None
    """Share of the free space to its left and above it; None leaves it where it is."""

    @classmethod
    def parse(cls, scale: str, position: str) -> "Placement":
        """Return what the fields `scale` and `position` say.

        Raises:
            ApiError: they say nothing of the kind.
        """
        share = None
        if scale not in ("", "original"):
            length = Length.parse(scale, "scale")
            share = length.value
            if not length.is_share or not LEAST_SCALE <= share <= 1:
                raise bad("invalid_parameter", "scale is original, or from 10% to 100%")
        if position == "original" or (not position and share is None):
            return cls(share, None)
        if position in ("", "center"):
            return cls(share, (0.5, 0.5))
        both = _lengths(position, "position", (1, 2))
        if not all(each.is_share and each.value <= 1 for each in both):
            raise bad("invalid_parameter", "position is original, center, or from 0% to 100%")
        return cls(share, (both[0].value, both[-1].value))

    def placed(self, pixels: Pixels) -> Pixels:
        """Return a canvas (H, W, 4) RGBA on which the subject of (H, W, 4) is placed."""
        found = object_box(pixels[..., 3] > 0)
        if found is None or (self.scale is None and self.position is None):
            return pixels
        height, width = pixels.shape[:2]
        subject = np.ascontiguousarray(pixels[found.slices])
        if self.scale is not None:
            factor = self.scale * min(height / found.size.height, width / found.size.width)
            subject = resized(subject, factor, Size(height, width))
        tall, wide = subject.shape[:2]
        left, top = found.left, found.top
        if self.position is not None:
            left, top = (
                round(share * free)
                for share, free in zip(self.position, (width - wide, height - tall), strict=True)
            )
        left, top = min(left, width - wide), min(top, height - tall)
        canvas = np.zeros_like(pixels)
        canvas[top : top + tall, left : left + wide] = subject
        return canvas


def resized(pixels: Pixels, factor: float, most: Size | None = None) -> Pixels:
    """Return (H, W, 4) RGBA at another size, colours weighted by their alpha.

    Args:
        pixels: the picture.
        factor: by which both sides change.
        most: the size that the result has at most.
    """
    sides = [max(1, round(side * factor)) for side in pixels.shape[:2]]
    if most is not None:
        sides = [min(side, limit) for side, limit in zip(sides, most, strict=True)]
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    alpha = pixels[..., 3:].astype(np.float32)
    # A little of every colour, so that there is one where all is transparent.
    weights = alpha + np.float32(1e-3)
    heavy = cv2.resize(pixels[..., :3] * weights, sides[::-1], interpolation=how)
    weight = cv2.resize(weights, sides[::-1], interpolation=how)
    colours = heavy / weight[..., None]
    levels: NDArray[np.floating] = np.dstack([colours, weight - np.float32(1e-3)])
    return np.asarray(np.rint(levels).clip(0, 255), np.uint8)


def _lengths(text: str, name: str, counts: Sequence[int]) -> list[Length]:
    """Return the lengths in `text`, of which there may be so many."""
    parts = text.replace(",", " ").split()
    if len(parts) not in counts:
        raise bad("invalid_parameter", f"{name} takes {' or '.join(map(str, counts))} lengths")
    return [Length.parse(part, name) for part in parts]

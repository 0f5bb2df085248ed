"""Paired augmentation: one affine warp for photo and mask, one colour matrix for the photo."""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Pixels
from data.images import LUMA
from data.ranges import Checked, Range, Share


@dataclass(frozen=True, kw_only=True)
class Augmentation(Checked):
    """How far training photos are changed; zero everywhere changes nothing."""

    flip: Share = 0.5
    """Probability of a mirror image."""
    shift: Share = 0.06
    """Largest shift, as a share of the side."""
    scale: Share = 0.12
    """Largest change of scale; 0.12 is from 1 / 1.12 to 1.12."""
    brightness: Share = 0.12
    """Largest change of brightness, as a share of white."""
    contrast: Share = 0.2
    """Largest relative change of contrast."""
    saturation: Share = 0.3
    """Largest relative change of saturation."""
    tint: Share = 0.05
    """Largest relative change of one colour channel."""
    hue: Annotated[float, Range(0, 90)] = 0.0
    """Largest rotation of the hue, in steps of 2 degrees, as OpenCV counts it."""
    hsv_saturation: Annotated[float, Range(0, 255)] = 0.0
    """Largest shift of the saturation of HSV, of 255."""
    hsv_value: Annotated[float, Range(0, 255)] = 0.0
    """Largest shift of the value of HSV, of 255."""

    def __call__(
        self, photo: Pixels, mask: Pixels, random: np.random.Generator
    ) -> tuple[Pixels, Pixels]:
        """Return a changed photo (H, W, 3) and mask (H, W), both uint8.

        The mask is interpolated, so that a soft mask stays soft.
        """
        warp = self.draw_warp(photo.shape[0], photo.shape[1], random)
        colour = self.draw_colour(random)
        size = photo.shape[1], photo.shape[0]
        photo, mask = (
            np.asarray(cv2.warpAffine(x, warp, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
            for x in (photo, mask)
        )
        changed = np.asarray(cv2.transform(photo, colour), np.uint8)
        return self.shift_hsv(changed, random), mask

    def draw_warp(
        self, height: int, width: int, random: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return a random (2, 3) affine map from source to target, about the centre."""
        scale = (1 + self.scale) ** random.uniform(-1, 1)
        mirror = -1 if random.random() < self.flip else 1
        dx, dy = random.uniform(-self.shift, self.shift, 2) * (width, height)
        # cv2 has pixel centres at whole numbers, so the middle of the picture is at half of
        # the side minus one: with (width / 2) a mirror image would move by a pixel.
        cx, cy = (width - 1) / 2, (height - 1) / 2
        a, d = mirror * scale, scale
        return np.array([[a, 0, cx - a * cx + dx], [0, d, cy - d * cy + dy]])

    def draw_colour(self, random: np.random.Generator) -> NDArray[np.float32]:
        """Return a random (3, 4) matrix for RGB with a constant: tint, saturation, contrast."""
        saturation = 1 + random.uniform(-self.saturation, self.saturation)
        contrast = 1 + random.uniform(-self.contrast, self.contrast)
        tint = 1 + random.uniform(-self.tint, self.tint, 3)
        brightness = random.uniform(-self.brightness, self.brightness) * 255
        mix = saturation * np.eye(3) + (1 - saturation) * LUMA.astype(np.float32)
        matrix = contrast * tint[:, None] * mix
        constant = np.full((3, 1), 127.5 * (1 - contrast) + brightness)
        return np.hstack([matrix, constant]).astype(np.float32)

    def shift_hsv(self, photo: Pixels, random: np.random.Generator) -> Pixels:
        """Return `photo` with random shifts of hue, saturation and value."""
        limits = np.array([self.hue, self.hsv_saturation, self.hsv_value])
        if not limits.any():
            return photo
        hue, *others = random.uniform(-limits, limits)
        hsv = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(np.int16) + round(hue)) % 180  # of uint8 it would wrap
        hsv[..., 1:] = (hsv[..., 1:] + np.rint(others)).clip(0, 255)
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


NO_AUGMENTATION = Augmentation(
    flip=0, shift=0, scale=0, brightness=0, contrast=0, saturation=0, tint=0
)

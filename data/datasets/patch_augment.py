"""Augmentation of refiner patches, batch by batch, on the device they are on.

Shapes: N patches, S_k the side of the window of level k, T that of the tile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from data.ranges import Checked, Range, Share

GREY = torch.full((3, 3), 1 / 3)
"""Projects RGB onto the grey axis, about which hues are rotated."""

ACROSS = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / 3**0.5
"""Rotates the rest of a colour by a quarter turn about that axis."""


@dataclass(frozen=True, kw_only=True)
class PatchAugmentation(Checked):
    """How far each training patch is changed; zero everywhere changes nothing."""

    flip: Share = 0.5
    """Probability of a mirror image."""
    brightness: Share = 0.0
    """Largest change of brightness, as a share of white."""
    contrast: Share = 0.0
    """Largest relative change of contrast."""
    saturation: Share = 0.0
    """Largest relative change of saturation."""
    tint: Share = 0.0
    """Largest relative change of one colour channel."""
    hue: Annotated[float, Range(0, 90)] = 0.0
    """Largest rotation of the hue about grey, in steps of 2 degrees; 90 turns any hue into any
    other."""

    def __call__(self, windows: Sequence[Tensor], target: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return changed windows and targets, drawn from torch's random numbers.

        Args:
            windows: level k is (N, S_k, S_k, 4) uint8: RGB and coarse probability, which no
                change of colour touches.
            target: (N, T, T) uint8.
        """
        mirrored = torch.rand(len(target), device=target.device) < self.flip
        result = [flipped(window, mirrored) for window in windows]
        if self.brightness or self.contrast or self.saturation or self.tint or self.hue:
            matrix, constant = self.draw_colour(len(target), target.device)
            result = [coloured(window, matrix, constant) for window in result]
        return result, flipped(target, mirrored)

    def draw_colour(self, num: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return (num, 3, 3) matrices for RGB, and (num, 1) constants to add to the products."""
        draws = torch.rand(7, num, device=device) * 2 - 1
        contrast = 1 + self.contrast * draws[0]
        brightness = 255 * self.brightness * draws[1]
        tint = 1 + self.tint * draws[2:5].T
        saturation, angle = 1 + self.saturation * draws[5], torch.pi / 90 * self.hue * draws[6]
        matrix = (contrast[:, None] * tint)[..., None] * turned(angle, saturation)
        return matrix, (127.5 * (1 - contrast) + brightness)[:, None]


def turned(angle: Tensor, saturation: Tensor) -> Tensor:
    """Return (N, 3, 3) matrices that rotate RGB about grey by (N,) radians, and saturate it.

    Rotation about an axis by Rodrigues' formula, with the part across the axis scaled.
    """
    grey, across = GREY.to(angle.device), ACROSS.to(angle.device)
    along, sideways = ((saturation * part(angle))[:, None, None] for part in (torch.cos, torch.sin))
    return grey + along * (torch.eye(3, device=angle.device) - grey) + sideways * across


def flipped(x: Tensor, mirrored: Tensor) -> Tensor:
    """Return (N, S, S, ...) `x` with each `x[i]` mirrored left to right if (N,) `mirrored` is."""
    return torch.where(mirrored.view(-1, *[1] * (x.ndim - 1)), x.flip(2), x)


def coloured(window: Tensor, matrix: Tensor, constant: Tensor) -> Tensor:
    """Return (N, S, S, 4) uint8 `window` with its RGB times (N, 3, 3) `matrix` plus (N, 1)."""
    pixels = window[..., :3].flatten(1, 2).float()
    rgb = torch.baddbmm(constant[:, None], pixels, matrix.mT).unflatten(1, window.shape[1:3])
    return torch.cat([rgb.round().clamp(0, 255).to(torch.uint8), window[..., 3:]], dim=-1)

"""Augmentation of refiner patches, batch by batch, on the device they are on.

Shapes: N patches, S_k the side of the window of level k, T that of the tile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PatchAugmentation:
    """How far patches may be changed, each of them on its own; zero everywhere changes nothing."""

    flip: float = 0.5
    """Probability of a mirror image."""
    brightness: float = 0.0
    """Largest change of brightness, as a share of white."""
    contrast: float = 0.0
    """Largest relative change of contrast."""
    tint: float = 0.0
    """Largest relative change of one colour channel."""

    def __call__(self, windows: Sequence[Tensor], target: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return changed windows and targets, drawn from torch's random numbers.

        Args:
            windows: level k is (N, S_k, S_k, 4) uint8: RGB and coarse probability, which no
                change of colour touches.
            target: (N, T, T) uint8.
        """
        mirrored = torch.rand(len(target), device=target.device) < self.flip
        result = [flipped(window, mirrored) for window in windows]
        if self.brightness or self.contrast or self.tint:
            scale, shift = self.draw_colour(len(target), target.device)
            result = [coloured(window, scale, shift) for window in result]
        return result, flipped(target, mirrored)

    def draw_colour(self, num: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return what to multiply RGB by, (num, 3), and what to add then, (num, 1)."""
        contrast, brightness, *tint = (torch.rand(num, device=device) * 2 - 1 for _ in range(2 + 3))
        contrast = 1 + self.contrast * contrast
        scale = contrast[:, None] * (1 + self.tint * torch.stack(tint, dim=1))
        shift = 127.5 * (1 - contrast) + 255 * self.brightness * brightness
        return scale, shift[:, None]


def flipped(x: Tensor, mirrored: Tensor) -> Tensor:
    """Return (N, S, S, ...) `x` with those that are (N,) bool `mirrored` left to right."""
    return torch.where(mirrored.view(-1, *[1] * (x.ndim - 1)), x.flip(2), x)


def coloured(window: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return a (N, S, S, 4) uint8 `window` with its RGB times (N, 3) plus (N, 1)."""
    rgb = window[..., :3] * scale[:, None, None] + shift[:, None, None]
    return torch.cat([rgb.round().clamp(0, 255).to(torch.uint8), window[..., 3:]], dim=-1)

"""The refiner: logits to be added to the coarse ones of a tile, seen through its fovea.

Plain 3 x 3 convolutions, from the coarsest level of the window to the finest. None of them pads:
each level is computed on a region slightly larger than the next level needs, and beyond the end of
a finer window the coarser one fills in. So no zeros of a padding reach a tile, where they would be
visible as a seam.

Shapes: N tiles, S_k the side of the window and T_k that of the tile at level k.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.geometry import Fovea

IN_CHANNELS = 4
"""RGB and the coarse probability."""

Inputs = Literal["all", "photo", "mask_around"]
"""Input of the network: photo and coarse probability; the photo alone; both in the tile and the
probability alone around it."""


class Refiner(nn.Module):
    """Maps the windows of a tile to logits, which are added to the coarse ones.

    Without `residual` they replace the coarse ones. An untrained network returns zeros.
    """

    def __init__(
        self,
        fovea: Fovea,
        *,
        channels: Sequence[int] = (32, 32, 32),
        depths: Sequence[int] = (2, 3, 4),
        inputs: Inputs = "all",
        residual: bool = True,
    ) -> None:
        """Build the levels; `channels` and `depths` are given per level, finest first.

        Raises:
            ValueError: there are fewer channels or depths than levels.
        """
        super().__init__()
        if min(len(channels), len(depths)) < fovea.levels:
            raise ValueError(
                f"{fovea.levels} levels need as many channels and depths, "
                f"not {len(channels)} and {len(depths)}"
            )
        self.fovea = fovea
        self.inputs: Inputs = inputs
        self.residual = residual
        self.channels = list(channels[: fovea.levels])
        self.depths = list(depths[: fovea.levels])
        self.halos = input_halos(self.depths)
        widths = [*self.channels, 0]
        self.levels = nn.ModuleList(
            conv_stack(IN_CHANNELS + coarser, own, depth)
            for (own, coarser), depth in zip(pairwise(widths), self.depths, strict=True)
        )
        self.head = nn.Conv2d(widths[0], 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def options(self) -> dict[str, Any]:
        """Return the arguments of the constructor, but for the fovea."""
        return {
            "channels": self.channels,
            "depths": self.depths,
            "inputs": self.inputs,
            "residual": self.residual,
        }

    def forward(self, windows: Sequence[Tensor]) -> Tensor:
        """Return the logits of each tile.

        Args:
            windows: level k is (N, S_k, S_k, 4) uint8: RGB and coarse probability.

        Returns:
            (N, T_0, T_0) float32, to be added to the upsampled coarse logits, or to replace them
            if not `residual`.
        """
        inputs = [self._input(window, level) for level, window in enumerate(windows)]
        sides = [self.fovea.tile_side(level) for level in range(self.fovea.levels)]
        last = self.fovea.levels - 1
        canvas = resize_halo(inputs[last], sides[last] + 2 * self.halos[last])
        features = self.levels[last](canvas)
        for level in range(last - 1, -1, -1):
            side = sides[level] + 2 * self.halos[level]
            outer = upsample_to(inputs[level + 1], side)
            canvas = torch.cat([overlay(inputs[level], outer), upsample_to(features, side)], dim=1)
            features = self.levels[level](canvas)
        logits: Tensor = self.head(resize_halo(features, sides[0]))
        return logits.squeeze(1).float()

    def _input(self, window: Tensor, level: int) -> Tensor:
        """Return (N, 4, S_k, S_k) about zero; channels that are no input are zero."""
        x = (window.permute(0, 3, 1, 2).float() - 127.5) / 64
        x = x.to(self.head.weight.dtype)
        if self.inputs == "photo":
            return F.pad(x[:, :3], (0, 0, 0, 0, 0, 1))
        if self.inputs == "mask_around" and level:
            return F.pad(x[:, 3:], (0, 0, 0, 0, 3, 0))
        return x


def input_halos(depths: Sequence[int]) -> list[int]:
    """Return by how many pixels each level's input must reach beyond the tile.

    Each convolution of a level takes one pixel off each side. The next coarser level must cover the
    sum, so the sum is rounded up to a whole number of coarser pixels.
    """
    halos, needed = [], 0
    for depth in depths:
        halo = needed + depth
        halos.append(halo + halo % 2)
        needed = halos[-1] // 2
    return halos


def conv_stack(in_channels: int, channels: int, depth: int) -> nn.Sequential:
    """Return `depth` 3 x 3 convolutions without padding, with batch norm and ReLU."""
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [
            nn.Conv2d(in_channels if i == 0 else channels, channels, 3, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def resize_halo(x: Tensor, side: int) -> Tensor:
    """Return (N, C, side, side): `x` cropped to its centre, or padded by replicating its edge."""
    rim = (x.shape[-1] - side) // 2
    if rim >= 0:
        return x[..., rim : rim + side, rim : rim + side]
    return F.pad(x, (-rim, -rim, -rim, -rim), mode="replicate")


def upsample_to(x: Tensor, side: int) -> Tensor:
    """Return the middle of `x` at twice the resolution, (N, C, side, side), each pixel repeated."""
    return F.interpolate(resize_halo(x, side // 2), scale_factor=2, mode="nearest")


def overlay(fine: Tensor, coarse: Tensor) -> Tensor:
    """Return `coarse` with `fine` in its middle, or the middle of `fine` if that is larger."""
    rim = (coarse.shape[-1] - fine.shape[-1]) // 2
    if rim <= 0:
        return resize_halo(fine, coarse.shape[-1])
    result = coarse.clone()
    result[..., rim:-rim, rim:-rim] = fine
    return result

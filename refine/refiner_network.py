"""The refiner: logits to be added to the coarse ones of a tile, seen through its fovea.

Plain 3 x 3 convolutions, from the coarsest level of the window to the finest. None of them pads:
each level is computed on a region slightly larger than the next level needs, and beyond the end of
a finer window the coarser one fills in. So no zeros of a padding reach a tile, where they would be
visible as a seam.

Where level 0 has no convolutions of its own, its pixels join level 1: four of them, which are one
pixel there, as channels. Each pixel of level 1 then ends as four logits, which
are put in place again (sub-pixel convolution, Shi et al. 2016, https://arxiv.org/abs/1609.05158).

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

PIXELS_IN_ONE = 4
"""Pixels of a level that are one pixel of the next coarser one."""

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

        A depth of 0 joins the finest level to the next one; its channels are then of no effect.

        Raises:
            ValueError: there are fewer channels or depths than levels, or a level has a depth of 0
                that is not the finest of several.
        """
        super().__init__()
        if min(len(channels), len(depths)) < fovea.levels:
            raise ValueError(
                f"{fovea.levels} levels need as many channels and depths, "
                f"not {len(channels)} and {len(depths)}"
            )
        check_depths(depths[: fovea.levels])
        self.fovea = fovea
        self.inputs: Inputs = inputs
        self.residual = residual
        self.channels = list(channels[: fovea.levels])
        self.depths = list(depths[: fovea.levels])
        self.halos = input_halos(self.depths)
        self.finest = 0 if self.depths[0] else 1
        """The finest level with convolutions."""
        self.outputs = PIXELS_IN_ONE**self.finest
        """Pixels of level 0 in one of level `finest`."""
        widths = [*self.channels, 0]
        self.levels = nn.ModuleList(
            conv_stack(self._in_channels(level) + coarser, own, self.depths[level])
            for level, (own, coarser) in enumerate(pairwise(widths))
        )
        self.head = nn.Conv2d(widths[self.finest], self.outputs, 1)
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
        features = self._features(inputs, self.finest)
        logits: Tensor = self.head(resize_halo(features, self.fovea.tile_side(self.finest)))
        if self.finest:
            logits = F.pixel_shuffle(logits, 2)
        return logits.squeeze(1).float()

    def _features(self, inputs: Sequence[Tensor], level: int) -> Tensor:
        """Return the features of a level and all coarser ones, (N, C, side, side)."""
        side = self.fovea.tile_side(level) + 2 * self.halos[level]
        canvas = self._canvas(inputs, level, side)
        if level + 1 < self.fovea.levels:
            coarser = self._features(inputs, level + 1)
            canvas = torch.cat([canvas, upsample_to(coarser, side)], dim=1)
        features: Tensor = self.levels[level](canvas)
        return features

    def _in_channels(self, level: int) -> int:
        return IN_CHANNELS * (self.outputs if level == self.finest else 1)

    def _canvas(self, inputs: Sequence[Tensor], level: int, side: int) -> Tensor:
        """Return the pixels of a level, (N, C, side, side), with those of the next around them."""
        if level + 1 < self.fovea.levels:
            canvas = overlay(inputs[level], upsample_to(inputs[level + 1], side))
        else:
            canvas = resize_halo(inputs[level], side)
        if level > self.finest or not self.finest:
            return canvas
        return overlay(pixels_as_channels(inputs[0]), torch.cat([canvas] * PIXELS_IN_ONE, dim=1))

    def _input(self, window: Tensor, level: int) -> Tensor:
        """Return (N, 4, S_k, S_k) about zero; channels that are no input are zero."""
        x = (window.permute(0, 3, 1, 2).float() - 127.5) / 64
        x = x.to(self.head.weight.dtype)
        if self.inputs == "photo":
            return F.pad(x[:, :3], (0, 0, 0, 0, 0, 1))
        if self.inputs == "mask_around" and level:
            return F.pad(x[:, 3:], (0, 0, 0, 0, 3, 0))
        return x


def check_depths(depths: Sequence[int]) -> None:
    """Raise if a level has no convolutions that is not the finest of several.

    Raises:
        ValueError: there is one.
    """
    if 0 in depths[1:] or list(depths) == [0]:
        raise ValueError(f"only the finest of several levels can have a depth of 0, not {depths}")


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


def pixels_as_channels(x: Tensor) -> Tensor:
    """Return (N, 4 C, H / 2, W / 2): the C channels of each pixel of four, row by row."""
    return torch.cat([x[..., row::2, column::2] for row in (0, 1) for column in (0, 1)], dim=1)


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

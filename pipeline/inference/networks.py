"""The interface between a `Segmenter` and the runtime that computes the two networks of a model.

`pipeline.inference.torch_networks` is the runtime of the package. Any other object with these three
names can replace it, for example to measure time.

Shapes: B photos, h x w the coarse size, N tiles, T their side, S_k the side of the window of
level k.
"""

from typing import Protocol

import torch
from torch import Tensor

from refine.fovea import Windows


class Networks(Protocol):
    """Photos to coarse logits, and windows of tiles to the refiner's logits."""

    @property
    def device(self) -> torch.device:
        """The device of photos, windows and logits."""

    def coarse(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coarse logits of (B, 3, h, w) uint8 RGB photos, and a description of each.

        Logits are (B, h, w) float32, descriptions (B, D) float32; see `CoarseNetwork.described`.
        """

    def refiner(self, windows: Windows) -> Tensor:
        """Return the (N, T, T) float32 logits of tiles.

        Args:
            windows: level k is (N, S_k, S_k, 4) uint8, RGB and coarse probability, with N at
                least 1.

        Raises:
            InputError: the model has no refiner.
        """

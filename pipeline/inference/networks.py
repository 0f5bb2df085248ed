"""The two networks of a model as a runtime computes them: what a `Segmenter` asks of them.

`pipeline.inference.torch_networks` is the runtime that comes with the package. Another one, or
one that only measures, is any object with these three names.

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
        """Where photos, windows and logits are."""

    def coarse(self, photos: Tensor) -> Tensor:
        """Return the (B, h, w) float32 coarse logits of (B, 3, h, w) uint8 RGB photos."""

    def refiner(self, windows: Windows) -> Tensor:
        """Return the (N, T, T) float32 logits of tiles.

        Args:
            windows: level k is (N, S_k, S_k, 4) uint8, RGB and coarse probability, with N at
                least 1.

        Raises:
            InputError: the model has no refiner.
        """

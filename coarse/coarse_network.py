"""Base class of all coarse networks: a small photo in, a logit for each of its pixels out.

Shapes: B photos, h x w the coarse size.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from data.geometry import ALIGNMENT, COARSE_STRIDES


class CoarseNetwork(nn.Module):
    """Maps (B, 3, h, w) uint8 RGB to (B, h, w) float32 logits of "object"."""

    multiple: ClassVar[int]
    """Height and width of the input must be multiples of this."""

    def __init__(self, *, stride: int = 4) -> None:
        """Build a network one of whose pixels is `stride` x `stride` pixels of the photo.

        Raises:
            ValueError: `stride` is not one of `data.geometry.COARSE_STRIDES`.
        """
        super().__init__()
        if stride not in COARSE_STRIDES:
            raise ValueError(f"a coarse stride is one of {COARSE_STRIDES}, not {stride}")
        self.stride = stride

    @property
    def level(self) -> int:
        """The level of the pyramid that the network sees."""
        return self.stride.bit_length() - 1

    @property
    def alignment(self) -> int:
        """Sides of the padded photo are multiples of this many full-resolution pixels."""
        return max(ALIGNMENT, self.stride * self.multiple)

    def options(self) -> dict[str, Any]:
        """Return the arguments of the constructor that prediction needs."""
        return {"stride": self.stride}

    def described(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of `photos`, and a description of each photo.

        The description is the mean and the standard deviation of each channel of the deepest
        features, (B, D) float32, for `coarse.novelty`. A network that has none gives D = 0.
        """
        logits: Tensor = self(photos)
        return logits, logits.new_zeros(len(logits), 0)

    def normalised(self, photos: Tensor) -> Tensor:
        """Return (B, 3, h, w) uint8 `photos` about zero, in the type of the weights.

        Raises:
            ValueError: h or w is not a multiple of `multiple`.
        """
        if photos.shape[-2] % self.multiple or photos.shape[-1] % self.multiple:
            raise ValueError(
                f"{type(self).__name__} takes multiples of {self.multiple} pixels, "
                f"not {tuple(photos.shape)}"
            )
        dtype = next((weight.dtype for weight in self.parameters()), torch.float32)
        return ((photos.float() - 127.5) / 64).to(dtype)


def pooled(features: Tensor) -> Tensor:
    """Return mean and standard deviation of each channel, (B, 2 C) float32, of (B, C, H, W)."""
    std, mean = torch.std_mean(features.float(), dim=(-2, -1), correction=0)
    return torch.cat([mean, std], dim=1)

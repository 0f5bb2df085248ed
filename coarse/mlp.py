"""A fully connected network on a tiny picture, the first stage of the original method.

At a stride of 16 a photo of the challenge is a picture of 120 x 80 pixels, one for each tile. The
network has no notion of neighbouring pixels: it learns what cars look like at each position.

Shapes: B photos, h x w the coarse size, R x S the grid.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from coarse.coarse_network import CoarseNetwork


class MLP(CoarseNetwork):
    """Linear layers from all pixels of the grid to a logit for each of them."""

    multiple = 1

    def __init__(
        self,
        *,
        grid: Sequence[int] = (80, 120),
        hidden: Sequence[int] = (256, 256),
        stride: int = 16,
        dropout: float = 0.1,
    ) -> None:
        """Build the layers: `grid` rows and columns in and out, `hidden` widths between them."""
        super().__init__(stride=stride)
        self.grid = tuple(grid)
        self.hidden = tuple(hidden)
        rows, columns = self.grid
        widths = [3 * rows * columns, *self.hidden]
        layers: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            # A batch has few photos, too few for the statistics of a batch norm.
            layers += [nn.Linear(narrow, wide), nn.LayerNorm(wide), nn.PReLU(wide)]
            layers += [nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], rows * columns)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def options(self) -> dict[str, Any]:
        """Return the arguments of the constructor that prediction needs."""
        return super().options() | {"grid": list(self.grid), "hidden": list(self.hidden)}

    def forward(self, photos: Tensor) -> Tensor:
        """Return the logit of "object" for each pixel, (B, h, w) float32.

        Args:
            photos: (B, 3, h, w) uint8 RGB. If h x w is not the grid, the photo is resized to
                it by area means, and the logits back bilinearly.
        """
        return self.described(photos)[0]

    def described(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, h, w), and the (B, units) output of the last hidden layer."""
        x = self.normalised(photos)
        size = tuple(x.shape[-2:])
        if size != self.grid:
            x = F.interpolate(x, size=self.grid, mode="area")
        hidden = self.layers(x.flatten(1))
        logits: Tensor = self.head(hidden).float().unflatten(1, self.grid)
        if size != self.grid:
            logits = F.interpolate(logits[:, None], size=size, mode="bilinear").squeeze(1)
        return logits, hidden.detach().float()

"""LinkNet, a coarse network with an encoder like ResNet18.

Chaurasia and Culurciello, "LinkNet: Exploiting Encoder Representations for Efficient Semantic
Segmentation", arXiv:1707.03718. Names and layout follow its figures 1 and 2; the encoder is not
pretrained, and the head has one class.

Shapes: B photos, C channels, H x W pixels at a block's own resolution.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from coarse.coarse_network import CoarseNetwork, pooled

WIDTHS = (64, 64, 128, 256, 512)
"""Channels of the initial block and of the four encoders."""


class LinkNet(CoarseNetwork):
    """The whole network: initial block, encoders, decoders with additive skips, final block."""

    multiple = 32

    def __init__(self, *, stride: int = 4) -> None:
        super().__init__(stride=stride)
        self.initial = nn.Sequential(
            *conv_act(3, WIDTHS[0], 7, stride=2), nn.MaxPool2d(3, stride=2, padding=1)
        )
        self.encoders = nn.ModuleList(
            nn.Sequential(
                ResidualBlock(narrow, wide, stride=1 if i == 0 else 2), ResidualBlock(wide, wide)
            )
            for i, (narrow, wide) in enumerate(pairwise(WIDTHS))
        )
        self.decoders = nn.ModuleList(
            Decoder(wide, narrow, stride=1 if i == 0 else 2)
            for i, (narrow, wide) in enumerate(pairwise(WIDTHS))
        )
        self.final = nn.Sequential(*up_act(WIDTHS[0], 32), *conv_act(32, 32, 3))
        self.head = nn.ConvTranspose2d(32, 1, kernel_size=2, stride=2)
        self.apply(_initialise)
        # Small first logits: the loss starts near ln 2 whatever the photo.
        nn.init.normal_(self.head.weight, std=0.05)

    def forward(self, photos: Tensor) -> Tensor:
        """Return the logit of "object" for each pixel, (B, h, w) float32.

        Args:
            photos: (B, 3, h, w) uint8 RGB; h and w multiples of 32.

        Raises:
            ValueError: h or w is not a multiple of 32.
        """
        return self.described(photos)[0]

    def described(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, h, w), and (B, 1024) of the features of the last encoder."""
        x = self.initial(self.normalised(photos))
        skips = []
        for encoder in self.encoders:
            skips.append(x)
            x = encoder(x)
        deepest = x.detach()
        # The first encoder keeps the size of the initial block, whose output has no skip.
        for i, decoder in reversed(list(enumerate(self.decoders))):
            x = decoder(x) + skips[i] if i else decoder(x)
        logits: Tensor = self.head(self.final(x))
        return logits.squeeze(1).float(), pooled(deepest)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: (B, C, H, W) to (B, out_channels, H / s, W / s)."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *conv_act(in_channels, out_channels, 3, stride=stride),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut = nn.Sequential()
        if stride > 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the shortcut plus the branch, activated."""
        return torch.relu(self.shortcut(x) + self.branch(x))


class Decoder(nn.Sequential):
    """1x1 to a quarter of `in_channels`, 3x3 to `stride` times the size, 1x1 to `out_channels`."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        hidden = in_channels // 4
        middle = up_act(hidden, hidden) if stride > 1 else conv_act(hidden, hidden, 3)
        super().__init__(
            *conv_act(in_channels, hidden, 1), *middle, *conv_act(hidden, out_channels, 1)
        )


def conv_act(
    in_channels: int, out_channels: int, side: int, *, stride: int = 1
) -> tuple[nn.Module, ...]:
    """Return a convolution with batch norm and ReLU."""
    conv = nn.Conv2d(in_channels, out_channels, side, stride=stride, padding=side // 2, bias=False)
    return conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)


def up_act(in_channels: int, out_channels: int) -> tuple[nn.Module, ...]:
    """Return a transposed 3x3 convolution to twice the size, with batch norm and ReLU."""
    conv = nn.ConvTranspose2d(
        in_channels, out_channels, 3, stride=2, padding=1, output_padding=1, bias=False
    )
    return conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)

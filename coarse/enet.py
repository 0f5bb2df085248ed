"""ENet, the default network of the coarse stage.

Paszke et al., "ENet: A Deep Neural Network Architecture for Real-Time Semantic
Segmentation", arXiv:1606.02147. Names and layout follow its table 1; the head
has one class.

Shapes: B photos, C channels, H x W pixels at a block's own resolution.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coarse.coarse_network import CoarseNetwork, pooled

Unpool = Literal["indices", "nearest"]
"""Values are put back where each maximum was, or repeated for runtimes without max-unpooling."""

REDUCTION = 4
"""A bottleneck works on a quarter of its channels."""

BRANCH_SCALE = 0.5
"""Initial scale of the last norm of each branch.

At 1, activations grow by a third per block as long as the running statistics have their initial
values: an untrained network in eval mode had logits in the thousands, and in short runs validation
lagged behind training.
"""


class ENet(CoarseNetwork):
    """The whole network: an initial block, five sections, a transposed convolution."""

    multiple = 8

    def __init__(
        self,
        *,
        stride: int = 4,
        unpool: Unpool = "indices",
        early_dropout: float = 0.01,
        dropout: float = 0.1,
    ) -> None:
        """Build the network; `unpool` says how its main path returns to twice the size."""
        super().__init__(stride=stride)
        self.unpool: Unpool = unpool
        self.initial = InitialBlock(3, 16)
        remember = unpool == "indices"
        self.down1 = DownsamplingBottleneck(16, 64, remember=remember, dropout=early_dropout)
        self.section1 = nn.Sequential(*(Bottleneck(64, dropout=early_dropout) for _ in range(4)))
        self.down2 = DownsamplingBottleneck(64, 128, remember=remember, dropout=dropout)
        self.section2 = context_section(128, dropout)
        self.section3 = context_section(128, dropout)
        self.up4 = UpsamplingBottleneck(128, 64, dropout=dropout)
        self.section4 = nn.Sequential(*(Bottleneck(64, dropout=dropout) for _ in range(2)))
        self.up5 = UpsamplingBottleneck(64, 16, dropout=dropout)
        self.section5 = Bottleneck(16, dropout=dropout)
        # Kernel = stride: windows that do not overlap leave no checkerboard pattern.
        self.head = nn.ConvTranspose2d(16, 1, kernel_size=2, stride=2)
        self.apply(_initialise)
        # Small first logits: the loss starts near ln 2 whatever the photo.
        nn.init.normal_(self.head.weight, std=0.05)

    def options(self) -> dict[str, Any]:
        """Return the arguments of the constructor that prediction needs."""
        return super().options() | {"unpool": self.unpool}

    def forward(self, photos: Tensor) -> Tensor:
        """Return the logit of "object" for each pixel.

        Args:
            photos: (B, 3, H, W) uint8 RGB; H and W multiples of 8.

        Returns:
            (B, H, W) float32 logits.

        Raises:
            ValueError: H or W is not a multiple of 8.
        """
        return self.described(photos)[0]

    def described(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, H, W), and (B, 256) of the features of the last section at 1/8."""
        x = self.initial(self.normalised(photos))
        x, indices1 = self.down1(x)
        x, indices2 = self.down2(self.section1(x))
        deepest = self.section3(self.section2(x))
        x = self.section4(self.up4(deepest, indices2))
        x = self.section5(self.up5(x, indices1))
        logits: Tensor = self.head(x)
        return logits.squeeze(1).float(), pooled(deepest.detach())


class InitialBlock(nn.Module):
    """A strided convolution beside max-pooling, concatenated: (B, C, H, W) to half the size."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels - in_channels, 3, stride=2, padding=1, bias=False
        )
        self.norm_act = norm_act(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H / 2, W / 2)."""
        # Rows, then columns: for three channels a tenth of the time of `max_pool2d`.
        rows = torch.maximum(x[:, :, 0::2], x[:, :, 1::2])
        pooled = torch.maximum(rows[..., 0::2], rows[..., 1::2])
        y: Tensor = self.norm_act(torch.cat([self.conv(x), pooled], dim=1))
        return y


class Bottleneck(nn.Module):
    """Residual block: 1x1 reduce, a regular, dilated or asymmetric convolution, 1x1 expand, add.

    Maps (B, C, H, W) to (B, C, H, W).
    """

    def __init__(
        self, channels: int, *, dilation: int = 1, asymmetric: bool = False, dropout: float = 0.1
    ) -> None:
        super().__init__()
        hidden = channels // REDUCTION
        self.branch = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            *norm_act(hidden),
            *(asymmetric_conv(hidden) if asymmetric else (conv3x3(hidden, dilation),)),
            *norm_act(hidden),
            *expand(hidden, channels, dropout),
        )
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` plus its branch, activated."""
        y: Tensor = self.act(self.branch(x).add_(x))
        return y


class DownsamplingBottleneck(nn.Module):
    """Bottleneck to half the size: the branch starts 2x2 with stride 2, the main path max-pools."""

    def __init__(
        self, in_channels: int, out_channels: int, *, remember: bool, dropout: float
    ) -> None:
        super().__init__()
        self.remember = remember
        hidden = in_channels // REDUCTION
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, hidden, 2, stride=2, bias=False),
            *norm_act(hidden),
            conv3x3(hidden),
            *norm_act(hidden),
            *expand(hidden, out_channels, dropout),
        )
        self.act = nn.PReLU(out_channels)
        self.new_channels = out_channels - in_channels

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return (B, out_channels, H / 2, W / 2), and the indices of the maxima if `remember`."""
        if self.remember:
            pooled, indices = F.max_pool2d(x, 2, return_indices=True)
        else:
            pooled, indices = F.max_pool2d(x, 2), None
        main = F.pad(pooled, (0, 0, 0, 0, 0, self.new_channels))
        return self.act(main + self.branch(x)), indices


class UpsamplingBottleneck(nn.Module):
    """Bottleneck to twice the size: its main path puts values back where each maximum was.

    Without these indices, it repeats the values.
    """

    def __init__(self, in_channels: int, out_channels: int, *, dropout: float) -> None:
        super().__init__()
        hidden = in_channels // REDUCTION
        self.main = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
        )
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, hidden, 1, bias=False),
            *norm_act(hidden),
            nn.ConvTranspose2d(
                hidden, hidden, 3, stride=2, padding=1, output_padding=1, bias=False
            ),
            *norm_act(hidden),
            *expand(hidden, out_channels, dropout),
        )
        self.act = nn.PReLU(out_channels)

    def forward(self, x: Tensor, indices: Tensor | None) -> Tensor:
        """Return (B, out_channels, 2 H, 2 W); `indices` are those of the pooling to H x W."""
        main = self.main(x)
        if indices is None:
            main = F.interpolate(main, scale_factor=2, mode="nearest")
        else:
            main = F.max_unpool2d(main, indices, [2, 2])
        y: Tensor = self.act(main + self.branch(x))
        return y


def context_section(channels: int, dropout: float) -> nn.Sequential:
    """Return bottlenecks 2.1 to 2.8: regular, dilated and asymmetric in turn."""
    blocks = []
    for small, large in ((2, 4), (8, 16)):
        blocks += [
            Bottleneck(channels, dropout=dropout),
            Bottleneck(channels, dilation=small, dropout=dropout),
            Bottleneck(channels, asymmetric=True, dropout=dropout),
            Bottleneck(channels, dilation=large, dropout=dropout),
        ]
    return nn.Sequential(*blocks)


def norm_act(channels: int) -> nn.Sequential:
    """Return batch norm and PReLU."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.PReLU(channels))


def conv3x3(channels: int, dilation: int = 1) -> nn.Conv2d:
    """Return a 3x3 convolution that keeps the shape."""
    return nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)


def asymmetric_conv(channels: int) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Return a 5x1 and a 1x5 convolution, together with a receptive field of 5x5."""
    return (
        nn.Conv2d(channels, channels, (5, 1), padding=(2, 0), bias=False),
        nn.Conv2d(channels, channels, (1, 5), padding=(0, 2), bias=False),
    )


def expand(hidden: int, channels: int, dropout: float) -> tuple[nn.Module, ...]:
    """Return the end of a branch: 1x1 to the full channels, batch norm, spatial dropout."""
    norm = nn.BatchNorm2d(channels)
    nn.init.constant_(norm.weight, BRANCH_SCALE)
    return nn.Conv2d(hidden, channels, 1, bias=False), norm, nn.Dropout2d(dropout)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, a=0.25, nonlinearity="leaky_relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)

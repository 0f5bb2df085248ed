"""The networks that foveamask is compared with, and the input of each of them.

Shapes: B photos, h x w what a network sees.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from coarse.enet import ENet
from data.errors import InputError, SettingsError
from data.geometry import Size
from pipeline.config import CoarseConfig

Kind = Literal["enet", "unet", "linknet"]
Encoder = Literal["resnet18", "resnet34"]
EncoderWeights = Literal["imagenet"]

HOW_TO_INSTALL = (
    "U-Net and LinkNet come from segmentation-models-pytorch, which is not installed; "
    "run `pip install -r benchmarks/requirements-peers.txt`, or name other --peers"
)

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
"""RGB, from 0 to 255; what pretrained encoders were trained with."""

CARVANA = Size(1280, 1918)
"""Size of the photos of the challenge, for costs that are counted without a photo."""


@dataclass(frozen=True)
class Peer:
    """A network to train, and its input."""

    name: str
    kind: Kind
    level: int = 0
    """How often the padded photo is halved before the network sees it."""
    square: int | None = None
    """Side of the square that the photo is resized to instead."""
    crop: Size | None = None
    """Size of the random crops that training uses; None for whole photos."""
    cpu_batch_size: int = 8
    """Most photos in a step on a CPU; on a GPU the settings decide."""

    @property
    def multiple(self) -> int:
        """Height and width of what the network sees are multiples of this."""
        return ENet.multiple if self.kind == "enet" else 32

    @property
    def needs_gpu(self) -> bool:
        """Whether it is left out on a machine without a GPU, unless it is named."""
        return self.square is not None


TRAINED: tuple[Peer, ...] = (
    Peer("enet-480x320", "enet", level=2),
    Peer("enet-1920x1280", "enet", cpu_batch_size=2),
    Peer("enet-1920x1280-crops", "enet", crop=Size(640, 960)),
    Peer("unet-480x320", "unet", level=2),
    Peer("unet-960x640", "unet", level=1, cpu_batch_size=4),
    Peer("unet-1024x1024", "unet", square=1024, cpu_batch_size=2),
    Peer("linknet-480x320", "linknet", level=2),
    Peer("linknet-960x640", "linknet", level=1, cpu_batch_size=4),
    Peer("linknet-1024x1024", "linknet", square=1024, cpu_batch_size=2),
)
"""The first is our own coarse network alone; the difference to ours is what the second stage adds.

At full size, a step on a CPU has two whole photos, which is few for batch norm. A step of 8 crops,
each a quarter of a photo, costs as much and is as varied as the steps of the other peers, but a
crop is smaller than the receptive field of ENet. So both variants are trained.
"""

OURS = "foveamask"
PLAIN = "plain-unet"
NAMES: tuple[str, ...] = (*(peer.name for peer in TRAINED), OURS, PLAIN)


def choose(names: str | None, *, has_gpu: bool) -> list[str]:
    """Return the peers in `names`, which commas separate, or all that suit the machine for None.

    Raises:
        SettingsError: there is no such peer.
    """
    if names is None:
        heavy = {peer.name for peer in TRAINED if peer.needs_gpu}
        return [name for name in NAMES if has_gpu or name not in heavy]
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in NAMES:
            raise SettingsError(f"--peers: no peer {name!r}; there are {', '.join(NAMES)}")
    return [name for name in NAMES if name in wanted]


def check_installed(names: Sequence[str]) -> None:
    """Raise before any work is done if a library is missing for one of the peers.

    Raises:
        InputError: it is.
    """
    if any(peer.kind != "enet" for peer in TRAINED if peer.name in names):
        _smp()


def build(
    peer: Peer, config: CoarseConfig, encoder: Encoder, weights: EncoderWeights | None
) -> nn.Module:
    """Return the network of `peer`: (B, 3, h, w) uint8 to (B, h, w) logits.

    Args:
        peer: the peer.
        config: settings of ENet.
        encoder: of U-Net and LinkNet.
        weights: pretrained weights of that encoder, which are downloaded; None for random ones.

    Raises:
        InputError: segmentation-models-pytorch is not installed.
    """
    if peer.kind == "enet":
        return ENet(
            unpool=config.enet.unpool,
            early_dropout=config.enet.early_dropout,
            dropout=config.enet.dropout,
        )
    smp = _smp()
    maker = smp.Unet if peer.kind == "unet" else smp.Linknet
    return Normalised(maker(encoder_name=encoder, encoder_weights=weights, in_channels=3))


def label(peer: Peer, encoder: Encoder) -> str:
    """Return what a table calls the network of `peer`."""
    if peer.kind == "enet":
        return "ENet, trained on crops" if peer.crop else "ENet"
    return f"{'U-Net' if peer.kind == 'unet' else 'LinkNet'}, {encoder}"


class Normalised(nn.Module):
    """A network of another library, from (B, 3, h, w) uint8 to (B, h, w) float32 logits."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def forward(self, photos: Tensor) -> Tensor:
        """Return the logit of "object" for each pixel."""
        dtype = next(self.network.parameters()).dtype
        logits: Tensor = self.network(((photos - self.mean) / self.std).to(dtype))
        return logits.squeeze(1).float()


class PlainUNet(nn.Module):
    """U-Net as it is most often built for these photos: 31 M parameters, only its cost counts here.

    Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation",
    arXiv:1505.04597, with padded convolutions, batch norm and one class, as in
    github.com/milesial/Pytorch-UNet, which was written for the challenge.
    """

    multiple = 16

    def __init__(self, widths: Sequence[int] = (64, 128, 256, 512, 1024)) -> None:
        super().__init__()
        self.first = double_conv(3, widths[0])
        self.down = nn.ModuleList(double_conv(a, b) for a, b in pairwise(widths))
        upward = list(pairwise(reversed(widths)))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in upward)
        self.merge = nn.ModuleList(double_conv(a, b) for a, b in upward)
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, photos: Tensor) -> Tensor:
        """Return (B, h, w) logits of (B, 3, h, w) uint8 photos; h and w multiples of 16."""
        x = self.first((photos / 255).to(self.head.weight.dtype))
        skips = []
        for block in self.down:
            skips.append(x)
            x = block(nn.functional.max_pool2d(x, 2))
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([skips.pop(), up(x)], dim=1))
        logits: Tensor = self.head(x)
        return logits.squeeze(1).float()


def double_conv(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return two 3x3 convolutions, each with batch norm and ReLU."""
    layers: list[nn.Module] = []
    for channels in (in_channels, out_channels):
        conv = nn.Conv2d(channels, out_channels, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _smp() -> Any:
    try:
        return importlib.import_module("segmentation_models_pytorch")
    except ModuleNotFoundError as error:
        raise InputError(HOW_TO_INSTALL) from error

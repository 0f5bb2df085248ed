"""ENets, photos for them, and what each of their parts puts out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coarse.enet import (
    Bottleneck,
    DownsamplingBottleneck,
    ENet,
    InitialBlock,
    UpsamplingBottleneck,
)

BLOCKS = (InitialBlock, Bottleneck, DownsamplingBottleneck, UpsamplingBottleneck)


def network() -> ENet:
    torch.manual_seed(0)
    return ENet()


def photos(num: int = 2, height: int = 64, width: int = 96, seed: int = 0) -> Tensor:
    """Photos with both smooth shades and detail."""
    generator = torch.Generator().manual_seed(seed)
    smooth = F.interpolate(
        torch.rand(num, 3, 2, 3, generator=generator), (height, width), mode="bilinear"
    )
    detail = torch.rand(num, 3, height, width, generator=generator)
    return (255 * (0.7 * smooth + 0.3 * detail)).to(torch.uint8)


@contextmanager
def outputs(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Give what every block puts out when the network runs, in the order of the blocks."""
    found: dict[str, Tensor] = {}

    def hook(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def keep(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
            found[name] = output[0] if isinstance(output, tuple) else output

        return keep

    handles = [
        block.register_forward_hook(hook(name))
        for name, block in model.named_modules()
        if isinstance(block, BLOCKS)
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()

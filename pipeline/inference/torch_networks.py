"""Networks for prediction with torch: copies that are faster than the networks for training.

Batch norms are folded into the convolutions before them, weights are cast to the type of the
computation, and PReLU is replaced where the device has no fast kernel for it. Up to rounding, a
copy computes the same as its original.

Shapes: B photos, h x w the coarse size, N tiles, T their side.
"""

import copy
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from data.errors import InputError
from pipeline.inference.devices import Network, Precision, dtype_of, to_device
from pipeline.model import NO_REFINER, Model
from refine.fovea import Windows

VECTOR = 32
"""Channels that the CPU's bfloat16 kernel of PReLU computes at once. With fewer channels it
computes value by value, which took a third of the time of ENet."""


CPU_TILES_AT_ONCE = 128
"""Tiles refined together on a CPU: so few that features between layers stay in the cache."""

GPU_TILES_AT_ONCE = 4096
"""The same on any other device. Photos with more tiles take more time and no more memory."""

TILES_MULTIPLE = 32
"""The number of tiles in a call is rounded up to a multiple of this. oneDNN keeps a compiled kernel
for each shape; without it, memory grew by 1 GB per 1,000 photos."""


class TorchNetworks:
    """The networks of a model on a device, with the interface of `pipeline.inference.networks`.

    They are copies, so later changes to `model` have no effect.
    """

    def __init__(self, model: Model, device: torch.device, precision: Precision = "auto") -> None:
        self.device = device
        self.precision: Precision = precision
        self.coarse_network = fold_for_inference(model.coarse, device, precision)
        self.refiner_network = model.refiner and fold_for_inference(
            model.refiner, device, precision
        )

    def coarse(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (B, h, w) coarse logits of (B, 3, h, w) photos, and their descriptions."""
        return self.coarse_network.described(photos)

    def refiner(self, windows: Windows) -> Tensor:
        """Return the (N, T, T) float32 logits of tiles, computed in parts.

        Args:
            windows: level k is (N, S_k, S_k, 4) uint8, RGB and coarse probability.

        Raises:
            InputError: the model has no refiner.
        """
        if self.refiner_network is None:
            raise InputError(NO_REFINER)
        at_once = CPU_TILES_AT_ONCE if self.device.type == "cpu" else GPU_TILES_AT_ONCE
        results = []
        for part in zip(*(window.split(at_once) for window in windows), strict=True):
            num = len(part[0])
            filled = [F.pad(x, (0, 0) * 3 + (0, -num % TILES_MULTIPLE)) for x in part]
            results.append(self.refiner_network(filled)[:num])
        return torch.cat(results)


class MaximumPReLU(nn.Module):
    """PReLU for slopes of at most 1, computed as the larger of x and slope times x."""

    slopes: Tensor

    def __init__(self, slopes: Tensor) -> None:
        super().__init__()
        self.register_buffer("slopes", slopes.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` (B, C, ...), activated."""
        return torch.maximum(x, x * self.slopes.view(-1, *(1,) * (x.dim() - 2)))


def fold_for_inference(network: Network, device: torch.device, precision: Precision) -> Network:
    """Return a copy of `network` for prediction on `device`, in eval mode, without gradients."""
    result = copy.deepcopy(network).eval().requires_grad_(False)
    for module in result.modules():
        if isinstance(module, nn.Sequential):
            fold_batch_norms(module)
    dtype = dtype_of(device, precision)
    if device.type == "cpu" and dtype == torch.bfloat16:
        replace_slow_prelus(result)
    norms = [module for module in result.modules() if isinstance(module, nn.BatchNorm2d)]
    exact = [copy.deepcopy(norm.state_dict()) for norm in norms]
    result.to(dtype)
    for norm, state in zip(norms, exact, strict=True):
        # Statistics lose too much precision in `dtype`, and a float32 norm accepts both types.
        norm.float().load_state_dict(state)
    return to_device(result, device)


def fold_batch_norms(layers: nn.Sequential) -> None:
    """Fold each batch norm into the convolution before it, and replace it by an identity."""
    for i, (layer, norm) in enumerate(pairwise(list(layers))):
        transposed = isinstance(layer, nn.ConvTranspose2d)
        if isinstance(norm, nn.BatchNorm2d) and (transposed or isinstance(layer, nn.Conv2d)):
            layers[i] = fuse_conv_bn_eval(cast(nn.Conv2d, layer), norm, transpose=transposed)
            layers[i + 1] = nn.Identity()


def replace_slow_prelus(network: nn.Module) -> None:
    """Replace each PReLU of few channels by a faster module with the same values."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if not isinstance(child, nn.PReLU) or child.weight.numel() >= VECTOR:
                continue
            if float(child.weight.max()) <= 1:  # else slope * x is the larger for positive x
                setattr(parent, name, MaximumPReLU(child.weight.detach()))

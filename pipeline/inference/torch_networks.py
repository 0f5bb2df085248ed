"""Networks as they are run: what training needs and prediction does not is taken out.

Batch norms become part of the convolutions before them, weights are kept in the type that is
computed in, and activations are the ones that the device has a fast kernel for. A copy computes
what its original does, up to rounding.
"""

import copy
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pipeline.inference.devices import Network, Precision, dtype_of, to_device

VECTOR = 32
"""Channels that the CPU's bfloat16 kernel of PReLU takes at once; with fewer of them it goes value
by value, which took a third of the time of ENet."""


class MaximumPReLU(nn.Module):
    """PReLU of slopes that are 1 at most, as the larger of x and of x times its slope."""

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
        norm.float().load_state_dict(state)  # statistics lose too much, and a norm takes both types
    return to_device(result, device)


def fold_batch_norms(layers: nn.Sequential) -> None:
    """Make each batch norm part of the convolution before it; an identity takes its place."""
    for i, (layer, norm) in enumerate(pairwise(list(layers))):
        transposed = isinstance(layer, nn.ConvTranspose2d)
        if isinstance(norm, nn.BatchNorm2d) and (transposed or isinstance(layer, nn.Conv2d)):
            layers[i] = fuse_conv_bn_eval(cast(nn.Conv2d, layer), norm, transpose=transposed)
            layers[i + 1] = nn.Identity()


def replace_slow_prelus(network: nn.Module) -> None:
    """Put a faster module of the same values in the place of each PReLU of few channels."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if not isinstance(child, nn.PReLU) or child.weight.numel() >= VECTOR:
                continue
            if float(child.weight.max()) <= 1:  # else x is not the larger where it is positive
                setattr(parent, name, MaximumPReLU(child.weight.detach()))

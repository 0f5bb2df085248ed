"""The cost of a model: its parameters, and the multiply-adds of a photo.

Multiply-adds are counted on the device `meta`, where nothing is computed. Inputs have the size of
those in prediction; padding of the batch of tiles is not counted.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from data.geometry import Size, padded, working_size
from pipeline import Stage
from pipeline.model import Model


@dataclass(frozen=True)
class PhotoCost:
    """Multiply-adds of one photo, in 10^9, up to the end of each stage."""

    coarse: float
    refined: float | None = None
    """None if the second stage is not run."""

    @property
    def total(self) -> float:
        """Multiply-adds of all stages that are run."""
        return self.coarse if self.refined is None else self.refined

    def to_json(self) -> dict[str, float]:
        """Return the stages that are run, by name."""
        result = {"coarse": self.coarse}
        if self.refined is not None:
            result["refined"] = self.refined
        return result


def photo_cost(model: Model, size: Size, stage: Stage, num_tiles: float) -> PhotoCost:
    """Return the multiply-adds of a photo of `size` with `num_tiles` refined tiles."""
    network, fovea = model.coarse, model.fovea
    whole = padded(working_size(size, model.long_side), network.alignment)
    coarse = gmac(network, Size(*(side >> network.level for side in whole)))
    if stage == "coarse" or model.refiner is None:
        return PhotoCost(coarse)
    sides = [fovea.window_side(level) for level in range(fovea.levels)]
    windows = [torch.zeros(1, s, s, 4, dtype=torch.uint8, device="meta") for s in sides]
    return PhotoCost(coarse, coarse + count_gmac(model.refiner, windows) * num_tiles)


def gmac(network: nn.Module, size: Size) -> float:
    """Return the multiply-adds, in 10^9, for one photo (1, 3, h, w) of `size` h x w."""
    return count_gmac(network, torch.zeros(1, 3, *size, dtype=torch.uint8, device="meta"))


def count_gmac(network: nn.Module, given: Any) -> float:
    """Return the multiply-adds, in 10^9, of `network` for the input `given`, on `meta`."""
    weightless = copy.deepcopy(network).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        weightless(given)
    return float(counter.get_total_flops()) / 2e9


def networks_of(model: Model) -> list[nn.Module]:
    """Return the networks that `model` has: the coarse one, and the refiner if there is one."""
    return [network for network in (model.coarse, model.refiner) if network is not None]


def num_parameters(*networks: nn.Module) -> int:
    """Return the number of trained parameters of all `networks` together."""
    return sum(p.numel() for network in networks for p in network.parameters())

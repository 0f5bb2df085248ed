"""Inputs of a refiner."""

import torch
from torch import Tensor

from data.geometry import Fovea


def windows_of(fovea: Fovea, num: int, seed: int = 0) -> list[Tensor]:
    """Noise, as what is inside does not matter here."""
    generator = torch.Generator().manual_seed(seed)
    sides = [fovea.window_side(level) for level in range(fovea.levels)]
    return [
        torch.randint(0, 256, (num, side, side, 4), dtype=torch.uint8, generator=generator)
        for side in sides
    ]

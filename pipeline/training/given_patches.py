"""Coarse logits for patches that teach a refiner about masks of other tools and hands.

The true mask of each photo gets random errors. The band in which it counts as uncertain is somewhat
narrower or wider than these errors, as it will be where nobody knows them.
"""

import zlib

import numpy as np
import torch
from torch import Tensor

from data.arrays import Mask
from data.mask_errors import random_errors
from pipeline.model import Model
from refine.distance import signed_distance
from refine.uncertain_band import coarse_logits, mask_logits, steepness

QUANTILE = 0.9
"""Share of the contour that is off by less than what counts as its error."""

WIDTHS = 0.8, 2.5
"""Least and largest band, in units of that error."""

BANDS = 2.0, 24.0
"""Least and largest band, in pixels."""


def errors_of(name: str, seed: int) -> np.random.Generator:
    """Return the random numbers for the mask of the photo `name`, whichever others there are."""
    return np.random.default_rng([seed, zlib.crc32(name.encode(errors="surrogateescape"))])


def logits_with_errors(truth: Mask, model: Model, random: np.random.Generator) -> Tensor:
    """Return the (1, h, w) coarse logits of a mask with random errors.

    Args:
        truth: (H, W), the true mask at working size.
        model: whose coarse grid is used.
        random: decides the errors.
    """
    given = random_errors(truth, random)
    band = float(np.clip(error_of(given, truth) * random.uniform(*WIDTHS), *BANDS))
    logits = mask_logits(given * np.uint8(255), steepness(band, model.low, model.high))
    stride, alignment = model.coarse.stride, model.coarse.alignment
    return torch.from_numpy(coarse_logits(logits, stride, alignment))[None]


def error_of(given: Mask, truth: Mask) -> float:
    """Return how far off the contour of a mask (H, W) is, in pixels; 0 if it has none."""
    beside = np.abs(signed_distance(given)) < 1
    if not beside.any():
        return 0.0
    return float(np.quantile(np.abs(signed_distance(truth)[beside]), QUANTILE))

"""Losses: functions of logits and target that return a scalar.

Shapes: B photos or patches, ... any pixels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def bce(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean binary cross-entropy; `target` holds probabilities."""
    return F.binary_cross_entropy_with_logits(logits, target)


def soft_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Return one minus the Dice of probabilities, per photo, averaged.

    Milletari et al., "V-Net", 3DV 2016, with the squares in the denominator, so that a
    soft target has its minimum at itself.

    Args:
        logits: (B, ...) logits.
        target: (B, ...) probabilities in [0, 1].
    """
    p, t = torch.sigmoid(logits).flatten(1), target.flatten(1)
    intersection = (p * t).sum(1)
    total = (p * p).sum(1) + (t * t).sum(1)
    return (1 - (2 * intersection + 1) / (total + 1)).mean()


def bce_dice(logits: Tensor, target: Tensor, dice_weight: float) -> Tensor:
    """Return `bce` plus `dice_weight` times `soft_dice`."""
    loss = bce(logits, target)
    return loss + dice_weight * soft_dice(logits, target) if dice_weight else loss


def masked_bce(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Return the mean binary cross-entropy over the pixels where `valid`."""
    loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (loss * valid).sum() / valid.sum().clamp(min=1)

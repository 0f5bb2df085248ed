"""Telling photos that are unlike all those a coarse network was trained on.

A network is sure of itself also where it is wrong, so its probabilities do not tell. What it
computes on the way does: the features of other photos lie elsewhere. The features of the training
photos are described by a normal distribution, and a photo is novel if it is much farther from its
mean than training photos are from the mean of the others (Lee et al., "A Simple Unified Framework
for Detecting Out-of-Distribution Samples and Adversarial Attacks", arXiv:1807.03888).

Shapes: N training photos, B photos, D features, K axes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Features = NDArray[np.float64]

MAX_AXES = 32
"""Most directions whose variance is kept; in all others it is taken to be equal."""

MIN_GROUPS = 5
"""Fewer groups of photos say nothing about the spread of others."""

NUM_FOLDS = 5

QUANTILE = 0.95
MARGIN = 2.0
"""A photo is novel if it is `MARGIN` times as far as this quantile of training photos, each seen
from the photos of other groups. A quantile, because a few training photos are odd themselves."""


@dataclass(frozen=True)
class NoveltyDetector:
    """A normal distribution of the features of training photos, and how far is too far.

    Raises:
        ValueError: shapes do not fit together, or a value is not finite or not positive.
    """

    mean: Tensor
    """(D,) float32."""
    axes: Tensor
    """(K, D) float32: orthonormal directions of the largest variances."""
    variances: Tensor
    """(K,) float32: variance along each axis."""
    rest: Tensor
    """() float32: variance along every other direction."""
    limit: Tensor
    """() float32: largest Mahalanobis distance of a photo that is not novel."""

    def __post_init__(self) -> None:
        num_axes, num = self.axes.shape if self.axes.dim() == 2 else (-1, -1)
        shapes = [tuple(t.shape) for t in (self.mean, self.variances, self.rest, self.limit)]
        if shapes != [(num,), (num_axes,), (), ()]:
            raise ValueError("the parts of a novelty detector do not fit together")
        if not all(getattr(self, f.name).isfinite().all() for f in fields(self)):
            raise ValueError("the parts of a novelty detector are finite numbers")
        if not all((t > 0).all() for t in (self.variances, self.rest, self.limit)):
            raise ValueError("the variances and the limit of a novelty detector are positive")

    def score(self, features: Tensor) -> Tensor:
        """Return the (B,) float32 novelty of photos; above 1 a photo is unlike the training photos.

        Args:
            features: (B, D) float, from `CoarseNetwork.described`.

        Raises:
            ValueError: they have another number of features.
        """
        if features.dim() != 2 or features.shape[1] != len(self.mean):
            raise ValueError(
                f"features are (B, {len(self.mean)}) for this model, not {tuple(features.shape)}"
            )
        mean, axes, variances = (
            t.to(features.device) for t in (self.mean, self.axes, self.variances)
        )
        centred = features.float() - mean
        along = (centred @ axes.T).square()
        rest = (centred.square().sum(1) - along.sum(1)).clamp_min(0) / float(self.rest)
        return ((along / variances).sum(1) + rest).sqrt() / float(self.limit)


def fit_novelty(features: Features, groups: Sequence[str]) -> NoveltyDetector | None:
    """Return the detector for the features (N, D) of training photos.

    None if the photos are of fewer than `MIN_GROUPS` groups, or the network has no features.

    How far unseen photos of the same kind lie is estimated by cross-validation. Its folds are made
    of `groups`, the N names of the photos' groups: photos of one car are all alike.
    """
    names = sorted(set(groups))
    if len(names) < MIN_GROUPS or not features.shape[1]:
        return None
    fold = {name: i % NUM_FOLDS for i, name in enumerate(names)}
    folds = np.array([fold[group] for group in groups])
    distances = []
    for left_out in range(NUM_FOLDS):
        others = _fitted(features[folds != left_out], limit=1.0)
        held_out = torch.from_numpy(features[folds == left_out]).float()
        distances += others.score(held_out).tolist()
    return _fitted(features, limit=MARGIN * float(np.quantile(distances, QUANTILE)))


def _fitted(features: Features, limit: float) -> NoveltyDetector:
    """Return the normal distribution of (N, D) features, its covariance shrunk by Ledoit-Wolf."""
    centred = features - features.mean(0)
    num, size = centred.shape
    # If all photos were alike, all variances would be zero.
    floor = 1e-6 + 1e-6 * float(np.square(centred).mean())
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    mean_variance = float(np.square(centred).mean())
    shrinkage = ledoit_wolf_shrinkage(centred)
    kept = min(MAX_AXES, num - 1, size)
    variances = (1 - shrinkage) * np.square(singular) / num + shrinkage * mean_variance
    dropped = np.square(singular[kept:]).sum() / num / max(1, size - kept)
    rest = (1 - shrinkage) * dropped + shrinkage * mean_variance + floor
    return NoveltyDetector(
        mean=_tensor(features.mean(0)),
        axes=_tensor(axes[:kept]),
        variances=_tensor(variances[:kept] + floor),
        rest=_tensor(rest),
        limit=_tensor(max(limit, 1e-6)),
    )


def ledoit_wolf_shrinkage(centred: Features) -> float:
    """Return how far the covariance of (N, D) centred samples is best moved to a sphere, 0 to 1.

    Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices",
    Journal of Multivariate Analysis 88 (2004).
    """
    num, size = centred.shape
    gram = centred @ centred.T / num
    trace = float(np.trace(gram))
    squared = float(np.square(gram).sum())  # of the Frobenius norm of the covariance
    distance = squared - trace**2 / size
    if distance <= 0:
        return 1.0
    noise = (float(np.square(np.square(centred).sum(1)).sum()) / num - squared) / num
    return float(np.clip(noise / distance, 0, 1))


def _tensor(values: NDArray[np.float64] | float) -> Tensor:
    return torch.as_tensor(np.array(values), dtype=torch.float32)

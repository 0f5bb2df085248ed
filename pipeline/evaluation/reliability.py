"""Reliability of probabilities: the share of object among the pixels of each probability.

Shapes: H x W pixels, N of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True)
class Bin:
    """The pixels whose probability lies from `low` to `high`."""

    low: float
    high: float
    share: float
    """Share of all pixels."""
    predicted: float
    """Mean probability; 0 if there are no pixels."""
    true: float
    """Share of object; 0 if there are no pixels."""


class Reliability:
    """Counts of pixels by their probability, added up photo by photo."""

    def __init__(self) -> None:
        self.counts = np.zeros((3, BINS))
        """Pixels, their probabilities and their shares of object, summed in each bin."""

    def add(self, p: NDArray[np.float32], target: NDArray[np.float32]) -> None:
        """Count (H, W) probabilities with the true shares of object, from 0 to 1.

        If the sizes differ because one is padded, only the common part is counted.
        """
        height, width = (min(sides) for sides in zip(p.shape, target.shape, strict=True))
        p, target = p[:height, :width].ravel(), target[:height, :width].ravel()
        bins = (p * BINS).astype(np.intp).clip(max=BINS - 1)
        for sums, values in zip(self.counts, (np.ones_like(p), p, target), strict=True):
            sums += np.bincount(bins, values, BINS)

    def bins(self) -> list[Bin]:
        """Return the `BINS` bins, from probability 0 to 1."""
        total = self.counts[0].sum()
        return [
            Bin(i / BINS, (i + 1) / BINS, num / total, predicted / max(num, 1), true / max(num, 1))
            for i, (num, predicted, true) in enumerate(self.counts.T.tolist())
        ]


def fit_temperature(
    logits: NDArray[np.float32], targets: NDArray[np.float32]
) -> tuple[float, float]:
    """Return the temperature to divide (N,) logits by, and the bias to add to the result.

    Both minimise the cross-entropy with `targets`, (N,) from 0 to 1.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, with a bias.
    """
    from scipy.optimize import minimize  # takes long to import, so only where it is needed
    from scipy.special import expit

    x, y = logits.astype(np.float64), targets.astype(np.float64)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = parameters[0] * x + parameters[1]
        error = (expit(z) - y) / len(x)
        return float(np.mean(np.logaddexp(0, z) - y * z)), np.array([error @ x, error.sum()])

    scale, bias = minimize(loss, (1.0, 0.0), jac=True, tol=1e-9).x
    return float(1 / scale), float(bias)

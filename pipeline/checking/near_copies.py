"""Photos that are nearly the same: copies, other sizes and qualities, mirror images, bursts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.checking.looks import Look

SHARE_OF_NEAREST = 0.35
LEAST_BITS, MOST_BITS = 10, 40
"""Two photos are copies if their hashes differ in fewer bits than this share of those by which
photos differ from their nearest one in the middle, within these bounds. Photos from one studio
differ less than others: their nearest are at 56 of 256 bits for cars, at 102 for people in streets.
JPEG, another size and another brightness change 0 to 18 bits."""


@dataclass(frozen=True)
class NearCopy:
    """Two photos that are nearly the same, by their indices."""

    first: int
    second: int
    bits: int
    """In how many of 256 bits their hashes differ."""
    is_mirrored: bool


def near_copies(looks: Sequence[Look], groups: Sequence[str]) -> list[NearCopy]:
    """Return the pairs of photos of different groups that are nearly the same, nearest first."""
    if len(looks) < 2:
        return []
    bits = np.stack([look.bits for look in looks])
    mirrored = np.stack([look.mirrored for look in looks])
    names = np.array(groups)
    upright = [_distances(bits[i], bits, names != names[i]) for i in range(len(bits))]
    nearest = [int(distances.min()) for distances in upright]
    limit = np.clip(SHARE_OF_NEAREST * float(np.median(nearest)), LEAST_BITS, MOST_BITS)
    pairs = []
    for i, distances in enumerate(upright):
        turned = _distances(mirrored[i], bits, names != names[i])
        for j in np.flatnonzero(np.minimum(distances, turned)[i + 1 :] < limit) + i + 1:
            is_mirrored = bool(turned[j] < distances[j])
            num = int(min(turned[j], distances[j]))
            pairs.append(NearCopy(i, int(j), num, is_mirrored))
    return sorted(pairs, key=lambda pair: (pair.bits, pair.first, pair.second))


def _distances(
    own: NDArray[np.uint8], others: NDArray[np.uint8], is_other: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return in how many bits each of (N, 32) hashes differs from (32,); 256 of the own group."""
    bits = np.bitwise_count(others ^ own).sum(axis=1, dtype=np.int64)
    return np.where(is_other, bits, 8 * own.size)

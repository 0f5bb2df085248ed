"""Photos that are nearly the same: copies, other sizes and qualities, mirror images, bursts.

Shapes: N photos, B of them at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.checking.looks import PATTERN_SIDE, Look

LIMIT = 0.06
"""Two photos are copies if they differ by less than this share of what a photo and the one nearest
to it usually differ by; see `near_copies`. Of 1,088 photos of 68 cars in one studio, 120 people in
streets and 60 leaves on paper no two differ by less than 0.06. Copies of these do, after JPEG, with
another brightness, turned by 2 degrees, and of people also after cropping 4 % or shifting 1 %."""

LEAST_BITS, LEAST_REST = 50, 0.1
"""Fewest bits, and smallest part that does not correlate, by which photos usually differ: where
many photos are copies, the usual difference is too small."""

BLOCK = 256


@dataclass(frozen=True)
class NearCopy:
    """Two photos that are nearly the same, by their indices."""

    first: int
    second: int
    difference: float
    """As a share of the usual difference, below `LIMIT`."""
    is_mirrored: bool


@dataclass(frozen=True, eq=False)
class _Comparison:
    """How far some photos are from all: (B, N) bits of their hashes, (B, N) parts that differ."""

    rows: slice
    bits: NDArray[np.float32]
    rest: NDArray[np.float32]

    @property
    def difference(self) -> NDArray[np.float32]:
        """(B, N) both in one number."""
        return self.bits * self.rest


def near_copies(looks: Sequence[Look], groups: Sequence[str]) -> list[NearCopy]:
    """Return the pairs of photos of different groups that are nearly the same, nearest first.

    Two photos differ by the number of bits in which their perceptual hashes do, times what their
    patterns do not correlate. Photos of one studio differ by little in both, so the difference is
    compared with that of a photo and the nearest other one, in the middle of the set.
    """
    if len(looks) < 2:
        return []
    bits = np.stack([look.bits for look in looks])
    patterns = np.stack([look.pattern for look in looks])
    mirrored_bits = np.stack([look.mirrored for look in looks])
    names = np.array(groups)
    upright = [*_compared((bits, patterns), (bits, patterns), names)]
    nearest_bits = np.concatenate([part.bits.min(axis=1) for part in upright])
    nearest_rest = np.concatenate([part.rest.min(axis=1) for part in upright])
    usual = max(LEAST_BITS, float(np.median(nearest_bits)))
    usual *= max(LEAST_REST, float(np.median(nearest_rest)))
    found: dict[tuple[int, int], NearCopy] = {}
    mirrored = _compared((mirrored_bits, _mirrored(patterns)), (bits, patterns), names)
    for is_mirrored, parts in ((False, upright), (True, mirrored)):
        for part in parts:
            for row, second in np.argwhere(part.difference < LIMIT * usual):
                first = int(row) + part.rows.start
                pair = first, int(second)
                if first < second and pair not in found:
                    difference = float(part.difference[row, second]) / usual
                    found[pair] = NearCopy(*pair, difference, is_mirrored)
    return sorted(found.values(), key=lambda pair: (pair.difference, pair.first, pair.second))


def _compared(
    own: tuple[NDArray[np.uint8], NDArray[np.float32]],
    others: tuple[NDArray[np.uint8], NDArray[np.float32]],
    groups: NDArray[np.str_],
) -> Iterator[_Comparison]:
    """Yield how far photos are from those of other groups, some rows at a time.

    Args:
        own: (N, 32) hashes and (N, 3072) patterns.
        others: the same of the photos to compare with.
        groups: (N,) photos of one group are as far from each other as can be.
    """
    for start in range(0, len(groups), BLOCK):
        rows = slice(start, start + BLOCK)
        bits = np.stack([np.bitwise_count(others[0] ^ row).sum(axis=1) for row in own[0][rows]])
        rest = 1 - own[1][rows] @ others[1].T
        is_own = groups[rows, None] == groups[None]
        yield _Comparison(
            rows,
            np.where(is_own, 8 * own[0].shape[1], bits).astype(np.float32),
            np.where(is_own, 1, np.maximum(rest, 0)).astype(np.float32),
        )


def _mirrored(patterns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (N, 3072) patterns of the mirror images of photos."""
    pictures = patterns.reshape(len(patterns), PATTERN_SIDE, PATTERN_SIDE, 3)
    return np.ascontiguousarray(pictures[:, :, ::-1]).reshape(patterns.shape)

"""Values of more than 8 bits to uint8: by the bits that a photo has, not those of its file.

Cameras and scanners write 10, 12 or 14 bits into files of 16. The upper 8 of the 16 are then nearly
black. How many bits there are is taken from, in this order:

* what the file says of them, if no value is above it: the TIFF tags BitsPerSample (12) and
  MaxSampleValue, and sBIT of a PNG where it says that all 16 count;
* 8-bit values that were multiplied by 257, and so all 16 bits, however dark the photo;
* zero low bits, as of a dark photo whose bits were moved up to all 16: k of them and no value near
  the top of the 16 - k bits that would be left;
* else the largest value: the next above of 8, 10, 12, 14 and 16 bits (24 and 32 in files of 32).

A photo of 16 bits that is nowhere brighter than a quarter is taken for one of 14. It becomes four
times as bright, unless its file says that it has 16.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from data.arrays import Pixels

Values = NDArray[np.integer]

BITS = (8, 10, 12, 14, 16, 24, 32)
"""Numbers of bits that photos are taken to have."""

NEAR_TOP = 15 / 16
"""Share of the largest possible value that a photo with a bright spot reaches."""

AT_ONCE = 2**20
"""Values that are converted together, which bounds the memory that it takes."""


def to_eight_bits(values: Values, stated: int | None = None) -> Pixels:
    """Return `values` of any integer type as uint8, the upper 8 of their bits.

    Args:
        values: (H, W) or (H, W, C); negative ones count as zero.
        stated: number of bits that the file says they have.
    """
    shift = num_bits(values, stated) - 8
    result = np.empty(values.shape, np.uint8)
    for source, target in _parts(values, result):
        target[:] = (source >> shift).clip(0, 255)
    return result


def num_bits(values: Values, stated: int | None = None) -> int:
    """Return how many bits the largest value of a photo could have; see above."""
    largest = int(values.max(initial=0))
    if stated is not None and largest < 2**stated:
        return max(stated, 8)
    by_largest = next(bits for bits in BITS if largest < 2**bits)
    if 8 < by_largest < 16 and _is_dark(values, largest, by_largest):
        return 16
    return by_largest


def _is_dark(values: Values, largest: int, bits: int) -> bool:
    """Whether values below 2^`bits` are those of a dark photo of 16 bits."""
    used, as_bytes = 0, True
    for (part,) in _parts(values):
        used |= int(np.bitwise_or.reduce(part, axis=None, initial=0))
        as_bytes = as_bytes and not (part % 257).any()
    num_low = (used & -used).bit_length() - 1
    moved_up = num_low >= 16 - bits and largest < NEAR_TOP * 2**bits
    return as_bytes or moved_up


def _parts(*arrays: Values) -> Iterator[tuple[Values, ...]]:
    """Yield rows of arrays of one shape, side by side."""
    rows = max(1, AT_ONCE // max(1, arrays[0][0].size))
    for top in range(0, len(arrays[0]), rows):
        yield tuple(array[top : top + rows] for array in arrays)

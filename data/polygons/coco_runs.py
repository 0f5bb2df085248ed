"""Run lengths as COCO has them: column by column, background first, as numbers or as text.

The text holds numbers of 5 bits a character, with the third and later ones as differences from the
number two before, as in `rleToString` of pycocotools.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.polygons.annotation import size_of

Counts = NDArray[np.int64]


def encode(mask: Mask) -> dict[str, Any]:
    """Return (H, W) `mask` as the `segmentation` of an annotation, its counts as text."""
    return {"size": list(mask.shape), "counts": _as_text(_counts(mask).tolist())}


def decode(segmentation: dict[str, Any]) -> Mask:
    """Return the (H, W) mask of a `segmentation` with a size and counts, numbers or text.

    Raises:
        InputError: counts are damaged, or do not fill the size.
    """
    sides = segmentation.get("size")
    if not isinstance(sides, list) or len(sides) != 2:
        raise InputError(f"the size of run lengths is height and width, not {sides!r:.40}")
    size = size_of(*sides)
    counts = _numbers(segmentation.get("counts"), size)
    flat = np.zeros(size.area, np.bool_)
    ends = np.cumsum(counts)
    for start, end in zip(ends[:-1:2].tolist(), ends[1::2].tolist(), strict=False):
        flat[start:end] = True
    return np.ascontiguousarray(flat.reshape(size.width, size.height).T)


def _numbers(counts: Any, size: Size) -> Counts:
    """Return the run lengths, which fill a photo of `size`."""
    if isinstance(counts, str):
        counts = _from_text(counts)
    if not isinstance(counts, list) or not all(type(count) is int for count in counts):
        raise InputError("counts are whole numbers, or the text that stands for them")
    if any(count < 0 for count in counts) or sum(counts) != size.area:
        raise InputError(
            f"the run lengths do not fill {size.width} x {size.height} pixels, {size.area}"
        )
    return np.array(counts, np.int64)


def _counts(mask: Mask) -> Counts:
    flat = mask.T.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    start = [0, 0] if flat[0] else [0]
    return np.diff(np.concatenate([start, edges, [flat.size]]))


def _as_text(counts: list[int]) -> str:
    characters = bytearray()
    for i, count in enumerate(counts):
        number = count - counts[i - 2] if i > 2 else count
        is_done = False
        while not is_done:
            bits = number & 31
            number >>= 5
            is_done = number == (-1 if bits & 16 else 0)
            characters.append(48 + bits + (0 if is_done else 32))
    return characters.decode("ascii")


def _from_text(text: str) -> list[int]:
    counts: list[int] = []
    number = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 40:
            raise InputError(f"{text!r:.40} stands for no run lengths")
        number |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                number -= 1 << shift
            counts.append(number + (counts[-2] if len(counts) > 2 else 0))
            number = shift = 0
    if shift:
        raise InputError(f"{text!r:.40} ends within a number")
    return counts

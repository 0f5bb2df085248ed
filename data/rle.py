"""Masks as run lengths, the way the Carvana challenge on Kaggle writes them.

A mask is the text "start length start length ...": its runs of foreground, in
order. Pixels are numbered from 1, left to right, then top to bottom, so that a run
may continue from the end of one row to the start of the next.

Shapes: H x W the photo.
"""

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.printable import quoted

Numbers = NDArray[np.int64]

LONGEST_NUMBER = 20
"""Most digits of a number that fits into 64 bits, and a sign."""


def encode(mask: Mask) -> str:
    """Return the run lengths of `mask` (H, W), '' where nothing is foreground.

    Raises:
        ValueError: `mask` is not two-dimensional or not of bool.
    """
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise ValueError(f"a mask is (H, W) of bool, not {mask.shape} of {mask.dtype}")
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    # At the photo's first and last pixel nothing changes, but runs begin and end there too.
    if flat[:1].any():
        edges = np.insert(edges, 0, 0)
    if flat[-1:].any():
        edges = np.append(edges, flat.size)
    runs = edges.reshape(-1, 2)
    starts, ends = runs.T
    numbers = np.stack([starts + 1, ends - starts], axis=1).ravel().tolist()
    # One format of all numbers takes 0.6 of the time of joining their strings.
    return ("%d " * len(numbers) % tuple(numbers))[:-1]


def decode(text: str, size: Size) -> Mask:
    """Return the (H, W) mask of `size` that `text` holds the run lengths of.

    Raises:
        InputError: `text` is not the run lengths of a mask of `size`.
    """
    mask = np.zeros(size, np.bool_)
    flat = mask.reshape(-1)
    for start, end in np.transpose(runs(text, size)).tolist():
        flat[start:end] = True
    return mask


def runs(text: str, size: Size) -> tuple[Numbers, Numbers]:
    """Return the first pixel of each run and the one after its last, both counted from 0.

    Raises:
        InputError: `text` is not the run lengths of a mask of `size`.
    """
    # A mask has a run for every second pixel at most. What follows is not split, to save memory.
    words = text.split(maxsplit=size.area + 1)
    if len(words) > size.area + 1:
        raise InputError(
            f"a photo of {size.width} x {size.height} cannot have so many runs; "
            "are the run lengths those of another photo?"
        )
    numbers = _whole_numbers(words)
    if len(numbers) % 2:
        raise InputError(
            f"run lengths are pairs of start and length, but here are {len(numbers)} numbers"
        )
    starts, lengths = numbers[::2], numbers[1::2]
    # No length is large enough to overflow beside a start that is no pixel any more.
    ends = starts - 1 + np.minimum(lengths, size.area + 1)
    last = np.concatenate([[0], ends])[:-1]
    wrong = (starts < 1) | (lengths < 1) | (starts <= last) | (starts > size.area)
    wrong |= ends > size.area
    if wrong.any():
        i = int(wrong.argmax())
        start, length = (_whole_number(word) for word in words[2 * i : 2 * i + 2])
        _refuse_run(start, length, int(last[i]), size)
    return starts - 1, ends


def _whole_numbers(words: list[str]) -> Numbers:
    try:
        # An array of text has as much room for each word as for the longest.
        if len(max(words, key=len, default="")) > LONGEST_NUMBER:
            raise OverflowError
        return np.array(words).astype(np.int64)
    except (ValueError, OverflowError):
        # A word that is no number is named; a number beyond 64 bits is no pixel either way.
        numbers = (_whole_number(word) for word in words)
        return np.array([max(-1, min(number, 2**62)) for number in numbers])


def _whole_number(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise InputError(f"run lengths are whole numbers, but here is '{quoted(word)}'") from None


def _refuse_run(start: int, length: int, last: int, size: Size) -> NoReturn:
    run = f"the run '{_cut(start)} {_cut(length)}'"
    if start < 1:
        raise InputError(f"{run} starts at {_cut(start)}, but pixels are numbered from 1")
    if length < 1:
        raise InputError(f"{run} has length {_cut(length)}, but a run has at least 1 pixel")
    if start <= last:
        raise InputError(
            f"{run} starts at or before pixel {last}, where the run before it ends; "
            f"runs must be in order and must not overlap"
        )
    raise InputError(
        f"{run} ends at pixel {_cut(start + length - 1)}, but a photo of {size.width} x "
        f"{size.height} has {size.area}; are the run lengths those of another photo?"
    )


def _cut(number: int) -> str:
    # Python itself refuses to write numbers of some thousand digits.
    return str(number) if abs(number) < 10**40 else "(a number of more than 40 digits)"

"""The levels of a label picture: its values that fill areas, and the level of every other pixel.

A label picture has a colour or a number for each kind of thing. Soft edges and the noise of JPEG
files add more, which lie near a level or between two and fill no areas.

Shapes: H x W a mask, N values, L levels.
"""

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask, Pixels
from data.object_values import Colour

Codes = NDArray[np.uint32]
"""(H, W) or (N,): colours as 65536 red + 256 green + blue."""

FEW_VALUES = 32
"""So many values of a file without loss are all meant; soft edges and noise have more."""

TAIL, NOISE = 12, 40
"""Distance from a level, in RGB, within which an area is the soft edge of that level, in a file
without loss and in a JPEG."""

MAX_LEVELS = 256

CLEAR, MAX_UNCLEAR = 64, 0.3
"""Distance from every level, in RGB, and the largest share of pixels that are so far from all. In a
photo there are more."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A picture in colour as codes, and its runs of equal pixels.

    Label pictures have long runs, so that working on runs takes a tenth of the time.
    """

    codes: Codes
    """(H, W)."""
    values: Codes
    """(N,) the codes that occur, ascending."""
    inverse: NDArray[np.intp]
    """The index into `values` of each run."""
    lengths: NDArray[np.intp]
    """The number of pixels of each run."""


def coded(pixels: Pixels) -> Coded:
    """Return an (H, W, 3) uint8 picture as codes."""
    codes = pack(pixels)
    return Coded(codes, *_runs(codes))


def pack(pixels: Pixels) -> Codes:
    """Return (..., 3) uint8 colours as codes (...)."""
    if pixels.ndim == 3 and pixels.size:  # five times as fast
        codes = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGRA).view("<u4")[..., 0]
        return np.asarray(codes & 0xFFFFFF)
    red, green, blue = (pixels[..., i].astype(np.uint32) for i in range(3))
    return np.asarray((red << 16) | (green << 8) | blue)


def unpack(codes: Codes) -> Pixels:
    """Return codes (N,) as (N, 3) uint8 colours."""
    return np.stack([codes >> 16, codes >> 8, codes], axis=-1).astype(np.uint8)


def find_levels(picture: Coded, named: Collection[Colour] = (), *, is_lossy: bool = False) -> Codes:
    """Return the (L,) levels of a picture, those with the most even pixels first.

    A pixel is even if it equals its eight neighbours. Colours that are `named` are levels always,
    and come before all others.

    Args:
        picture: a mask in colour.
        named: colours that somebody says are levels.
        is_lossy: whether the picture comes from a JPEG.
    """
    own = pack(np.array(sorted(named), np.uint8).reshape(-1, 3))
    if len(picture.values) <= FEW_VALUES and not is_lossy:
        return np.concatenate([own, np.setdiff1d(picture.values, own)])
    even, inverse, lengths = _runs(picture.codes[1:-1, 1:-1][_is_even(picture.codes)])
    sizes = np.bincount(inverse, weights=lengths, minlength=len(even))
    levels = list(own)
    for code in even[np.argsort(-sizes, kind="stable")][:MAX_LEVELS]:
        others = np.array(levels, np.uint32)
        if not levels or _distances(code[None], others).min() > (NOISE if is_lossy else TAIL):
            levels.append(code)
    return np.array(levels, np.uint32)


def level_of_each(picture: Coded, levels: Codes) -> tuple[NDArray[np.uint16], float]:
    """Return the (H, W) index of each pixel's level, and the share of unclear pixels.

    That is the nearest level, in RGB. A pixel that is far from all, such as one of a soft edge, has
    the level of the nearest pixel that is not: between red and green it would else be black.
    """
    values = picture.values
    nearest, far = np.empty(len(values), np.uint16), np.empty(len(values), np.bool_)
    step = max(1, 2**22 // max(1, len(levels)))
    for i in range(0, len(values), step):
        distances = _distances(values[i : i + step], levels)
        nearest[i : i + step] = distances.argmin(axis=1)
        far[i : i + step] = distances.min(axis=1) > CLEAR
    shape = picture.codes.shape
    index = np.repeat(nearest[picture.inverse], picture.lengths).reshape(shape)
    num_far = int(picture.lengths[far[picture.inverse]].sum())
    share = num_far / picture.codes.size
    if share and not is_unclear(share):
        unclear = np.repeat(far[picture.inverse], picture.lengths).reshape(shape)
        index = _filled(index, unclear)
    return index, share


def _filled(index: NDArray[np.uint16], unclear: Mask) -> NDArray[np.uint16]:
    """Return (H, W) `index` where a pixel that is `unclear` has that of the nearest other one."""
    _, labels = cv2.distanceTransformWithLabels(
        unclear.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(int(labels.max()) + 1, np.uint16)
    of_label[labels[~unclear]] = index[~unclear]
    return np.asarray(of_label[labels])


def is_unclear(share: float) -> bool:
    """Whether so many pixels are far from every level that a picture has no levels."""
    return share > MAX_UNCLEAR


def _runs(codes: Codes) -> tuple[Codes, NDArray[np.intp], NDArray[np.intp]]:
    """Return the (N,) codes that occur; for each run of equal pixels, its index and length."""
    flat = codes.ravel()
    is_start = np.ones(flat.size, np.bool_)
    is_start[1:] = flat[1:] != flat[:-1]
    starts = np.flatnonzero(is_start)
    values, inverse = np.unique(flat[starts], return_inverse=True)
    return values, inverse, np.diff(np.append(starts, flat.size))


def _is_even(codes: Codes) -> Mask:
    """Return (H - 2, W - 2): whether each pixel equals its eight neighbours."""
    middle = codes[1:-1, 1:-1]
    even = np.ones(middle.shape, np.bool_)
    height, width = codes.shape
    for row in range(3):
        for column in range(3):
            even &= codes[row : height - 2 + row, column : width - 2 + column] == middle
    return even


def _distances(codes: Codes, levels: Codes) -> NDArray[np.float32]:
    """Return the (N, L) distances in RGB."""
    difference = unpack(codes).astype(np.float32)[:, None] - unpack(levels).astype(np.float32)
    return np.asarray(np.sqrt(np.square(difference).sum(axis=-1)), np.float32)

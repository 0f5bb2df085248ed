"""Which values there are in a mask's file, and what to say of those that are too many."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask
from data.errors import InputError
from data.mask_levels import find_levels, is_unclear, level_of_each, unpack
from data.mask_picture import ColourPicture, MaskPicture, NumberPicture
from data.object_values import colour_name

MAX_SHOWN = 6
"""Most values that a message lists."""

MAX_CLASSES = 64
"""More values than this are no classes, but the greys of a picture."""

TRANSPARENT, OPAQUE = "transparent", "opaque"

NO_MASK = "is a picture in colour, not a mask; make the object white and all else black"


@dataclass(frozen=True)
class MaskValue:
    """One of the values in a mask."""

    entry: int | str
    """As `data.object` names it, 41 or "#00b000"; "transparent" or "opaque" of an alpha channel."""
    num_pixels: int
    num_border: int
    """How many of them lie at the border of the picture."""
    is_object: bool
    """Whether most of them are taken for the object."""
    colour: str = ""
    """The colour that a palette gives it."""

    def __str__(self) -> str:
        return f"{self.entry} ({self.colour})" if self.colour else str(self.entry)


def values_of(picture: MaskPicture, mask: Mask | None = None) -> list[MaskValue]:
    """Return the values in a picture, numbers ascending, colours by their areas.

    Noise and soft edges of a picture in colour count with the nearest colour that fills an area.
    Empty for a picture in which no colour does.

    Args:
        picture: of a mask.
        mask: (H, W) what is taken for its object; None for nothing.
    """
    if isinstance(picture, NumberPicture):
        names: Sequence[int | str] = range(int(picture.numbers.max()) + 1)
        return _counted(picture.numbers, names, mask, _palette_names(picture))
    if picture.alpha is not None:
        return _counted((picture.alpha >= 128).astype(np.uint8), (TRANSPARENT, OPAQUE), mask)
    levels = find_levels(picture.coded, is_lossy=picture.is_lossy)
    if not len(levels):
        return []
    index, unclear = level_of_each(picture.coded, levels)
    return [] if is_unclear(unclear) else _counted(index, colour_names(levels), mask)


def colour_names(codes: NDArray[np.uint32]) -> list[str]:
    """Return the name of each colour, such as "#00b000"."""
    return [colour_name(colour) for colour in unpack(codes)]


class UnclearMaskError(InputError):
    """A mask of which nothing says which values are the object."""

    def __init__(self, name: str, picture: MaskPicture) -> None:
        self.values = values_of(picture)
        """What is in it."""
        super().__init__(f"{name} {_refusal(picture, self.values)}")


def _refusal(picture: MaskPicture, values: Sequence[MaskValue]) -> str:
    if isinstance(picture, ColourPicture) and picture.alpha is not None:
        opacities = np.unique(picture.alpha)
        return (
            f"has {len(opacities)} values ({_listed(opacities)}) of opacity; a mask has two, with "
            "at most a soft edge between them; make the object opaque and all else transparent"
        )
    if not values:
        return NO_MASK
    what = "values" if isinstance(picture, NumberPicture) else "colours"
    what = what if len(values) > 1 else what.removesuffix("s")
    found = f"has {len(values)} {what} ({_listed(values)}); a mask has two, "
    found += "with at most a soft edge or the noise of a JPEG file between them; set every pixel "
    if not is_of_classes(picture, values):
        return f"{found}to 0 or to 255"
    return (
        f"{found}to 0 or to 255 or, if these are classes, say in a settings file which of them are "
        f"the object: data.object = {suggestion(values)}"
    )


def background_of(values: Sequence[MaskValue]) -> int | str:
    """Return which of these values is probably the background, as `data.object` names it.

    That is 0 or black or, where there is neither, the value that most of the border has.
    """
    border = max(values, key=lambda value: value.num_border).entry
    return next((value.entry for value in values if value.entry in (0, "#000000")), border)


def is_of_classes(picture: MaskPicture, values: Sequence[MaskValue]) -> bool:
    """Whether the values of a picture may be classes, of which a setting can choose the object."""
    is_opacity = isinstance(picture, ColourPicture) and picture.alpha is not None
    return not is_opacity and 1 < len(values) <= MAX_CLASSES


def suggestion(values: Sequence[MaskValue]) -> str:
    """Return what `data.object` may be for masks of these values, as a settings file has it.

    All values but the background are the object. Of several, all are named at once as "not 0" if
    the background is 0 or black: that also reads masks of black and white that come later, such as
    those of a review.
    """
    background = background_of(values)
    others = [value.entry for value in values if value.entry != background]
    if len(others) > 1 and background in (0, "#000000"):
        return json.dumps("not 0")
    if len(others) > 3 or not others:
        return json.dumps(f"not {background}")
    return json.dumps(others)


def _counted(
    indices: NDArray[np.integer],
    names: Sequence[int | str],
    mask: Mask | None,
    colours: Sequence[str] = (),
) -> list[MaskValue]:
    """Return the values of (H, W) `indices` into `names`."""
    counts = _histogram(indices)
    sides = indices[0], indices[-1], indices[1:-1, 0], indices[1:-1, -1]
    border = np.bincount(np.concatenate(sides), minlength=len(counts))
    return [
        MaskValue(
            entry=names[i],
            num_pixels=int(counts[i]),
            num_border=int(border[i]),
            is_object=mask is not None and _is_object(indices, i, mask),
            colour=colours[i] if i < len(colours) else "",
        )
        for i in map(int, np.flatnonzero(counts))
    ]


def _is_object(indices: NDArray[np.integer], index: int, mask: Mask) -> bool:
    """Whether most pixels of (H, W) `indices` that are `index` are in (H, W) `mask`."""
    for step in (8, 1):  # a sixty-fourth of them tells, if there are any in it
        here = mask[::step, ::step][indices[::step, ::step] == index]
        if len(here):
            return bool(2 * np.count_nonzero(here) > len(here))
    return False


def _histogram(indices: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return how often each of (H, W) `indices` occurs."""
    if indices.dtype == np.uint8 or indices.max() < 256:
        counts = cv2.calcHist([indices.astype(np.uint8)], [0], None, [256], [0, 256])
        return counts.ravel().astype(np.int64)
    return np.bincount(indices.ravel())


def _palette_names(picture: NumberPicture) -> list[str]:
    return [] if picture.palette is None else [colour_name(colour) for colour in picture.palette]


def _listed(values: Sequence[object] | NDArray[np.uint8]) -> str:
    shown = ", ".join(str(value) for value in values[:MAX_SHOWN])
    return shown + (", ..." if len(values) > MAX_SHOWN else "")

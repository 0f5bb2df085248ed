"""Which values there are in a mask's file, and what to say of those that are too many."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.arrays import Mask
from data.mask_levels import find_levels, is_unclear, level_of_each, pack, unpack
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
    codes = pack(picture.colours)
    levels = find_levels(codes, is_lossy=picture.is_lossy)
    if not len(levels):
        return []
    index, unclear = level_of_each(codes, levels)
    return [] if is_unclear(unclear) else _counted(index, colour_names(levels), mask)


def colour_names(codes: NDArray[np.uint32]) -> list[str]:
    """Return the name of each colour, such as "#00b000"."""
    return [colour_name(colour) for colour in unpack(codes)]


def refusal(picture: MaskPicture) -> str:
    """Return what is to be said of a mask whose values do not say which of them is the object."""
    if isinstance(picture, ColourPicture) and picture.alpha is not None:
        opacities = np.unique(picture.alpha)
        return (
            f"has {len(opacities)} values ({_listed(opacities)}) of opacity; a mask has two, with "
            "at most a soft edge between them; make the object opaque and all else transparent"
        )
    values = values_of(picture)
    if not values:
        return NO_MASK
    what = "values" if isinstance(picture, NumberPicture) else "colours"
    found = f"has {len(values)} {what} ({_listed(values)}); a mask has two, "
    found += "with at most a soft edge or the noise of a JPEG file between them; set every pixel "
    if len(values) > MAX_CLASSES:
        return f"{found}to 0 or to 255"
    return (
        f"{found}to 0 or to 255 or, if these are classes, say in a settings file which of them are "
        f"the object: data.object = {suggestion(values)}"
    )


def suggestion(values: Sequence[MaskValue]) -> str:
    """Return what `data.object` may be for masks of these values, as a settings file has it.

    All values but the background are the object: 0 or black or, where there is neither, the value
    that most of the border has.
    """
    border = max(values, key=lambda value: value.num_border).entry
    background = next((v.entry for v in values if v.entry in (0, "#000000")), border)
    others = [value.entry for value in values if value.entry != background]
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
    flat = indices.ravel()
    counts = np.bincount(flat)
    inside = np.zeros_like(counts) if mask is None else np.bincount(flat[mask.ravel()])
    inside = np.pad(inside, (0, len(counts) - len(inside)))
    sides = indices[0], indices[-1], indices[1:-1, 0], indices[1:-1, -1]
    border = np.bincount(np.concatenate(sides), minlength=len(counts))
    return [
        MaskValue(
            entry=names[i],
            num_pixels=int(counts[i]),
            num_border=int(border[i]),
            is_object=bool(2 * inside[i] > counts[i]),
            colour=colours[i] if i < len(colours) else "",
        )
        for i in map(int, np.flatnonzero(counts))
    ]


def _palette_names(picture: NumberPicture) -> list[str]:
    return [] if picture.palette is None else [colour_name(colour) for colour in picture.palette]


def _listed(values: Sequence[object] | NDArray[np.uint8]) -> str:
    shown = ", ".join(str(value) for value in values[:MAX_SHOWN])
    return shown + (", ..." if len(values) > MAX_SHOWN else "")

"""What is in the mask of one photo, a picture or polygons, and what is taken for its object."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.arrays import Mask
from data.files import read_bytes
from data.images import read_size
from data.mask_choice import chosen
from data.mask_picture import ColourPicture, MaskPicture
from data.mask_values import (
    MaskValue,
    UnclearMaskError,
    background_of,
    is_of_classes,
    values_of,
)
from data.masks import decode_mask_picture, default_mask
from data.object_values import all_but, object_values
from data.polygons.annotation import UNNAMED
from data.polygons.true_mask import read_true_mask
from data.samples import Sample
from pipeline.training.photo_facts import ObjectFacts, object_facts

POLYGONS = "polygons"
TRANSPARENCY = "a picture with transparency"


@dataclass(frozen=True, eq=False)
class MaskLook:
    """What is in a mask's file, and what is taken for its object."""

    kind: str
    """What kind of mask it is, for a person."""
    values: tuple[MaskValue, ...]
    """Its values. Of polygons the categories, each with one pixel."""
    needs_choice: bool
    """Whether nothing says which of its values are the object; all but the background are taken for
    it meanwhile."""
    facts: ObjectFacts
    box: tuple[int, int]
    """Height and width of the object in pixels; zeros if there is none."""
    border_share: float
    """Share of the photo's border that is object."""

    @property
    def share(self) -> float:
        """Share of the photo that is object."""
        return self.facts.area / self.facts.size.area


def mask_and_look(sample: Sample) -> tuple[Mask, MaskLook]:
    """Return the mask (H, W) of a sample, and what is in its file.

    Raises:
        InputError: it cannot be read, or is none.
    """
    if sample.polygons is not None:
        mask, _ = read_any_mask(sample)
        return mask, _look(mask, POLYGONS, _categories(sample), needs_choice=False)
    mask, picture, needs_choice = _read_picture(sample)
    values = values_of(picture, mask)
    is_default = not sample.object_values and not needs_choice
    kind = kind_of(picture, values, is_default=is_default)
    return mask, _look(mask, kind, values, needs_choice=needs_choice)


def read_any_mask(sample: Sample) -> tuple[Mask, bool]:
    """Return the mask of a sample, and whether nothing says which of its values are the object.

    If nothing does, all but the background are taken for it.

    Raises:
        InputError: it cannot be read, or is none.
    """
    if sample.polygons is None:
        mask, _, needs_choice = _read_picture(sample)
        return mask, needs_choice
    size = read_size(sample.photo)
    return read_true_mask(sample.polygons, size, sample.object_values), False


def kind_of(picture: MaskPicture, values: Sequence[MaskValue], *, is_default: bool) -> str:
    """Return what kind of picture a mask is, in words.

    Args:
        picture: the mask.
        values: what is in it.
        is_default: whether it was read as a mask of two values.
    """
    saved = " saved as JPEG" if picture.is_lossy else ""
    if isinstance(picture, ColourPicture):
        return f"colours{saved}" if picture.alpha is None else TRANSPARENCY
    if picture.palette is not None:
        return "a palette"
    soft = " with soft edges or noise" if is_default and len(values) > 2 else ""
    return f"grey values{soft}{saved}"


def _look(mask: Mask, kind: str, values: Sequence[MaskValue], *, needs_choice: bool) -> MaskLook:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    sides = mask[0], mask[-1], mask[:, 0], mask[:, -1]
    return MaskLook(
        kind=kind,
        values=tuple(values),
        needs_choice=needs_choice,
        facts=object_facts(mask),
        box=(int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1) if len(rows) else (0, 0),
        border_share=float(np.concatenate(sides).mean()),
    )


def _read_picture(sample: Sample) -> tuple[Mask, MaskPicture, bool]:
    """Return a mask, its picture, and whether nothing says which of its values are the object.

    Raises:
        InputError: it cannot be read, or is none.
    """
    name = str(sample.mask)
    picture = decode_mask_picture(read_bytes(sample.mask), name)
    wanted = object_values(sample.object_values)
    if wanted is not None:
        return chosen(picture, wanted, name), picture, False
    try:
        return default_mask(picture, name), picture, False
    except UnclearMaskError as error:
        if not is_of_classes(picture, error.values):
            raise
        return chosen(picture, all_but(background_of(error.values)), name), picture, True


def _categories(sample: Sample) -> list[MaskValue]:
    """Return the categories of a photo's polygons.

    Raises:
        InputError: they are damaged.
    """
    if sample.polygons is None:
        return []
    wanted = object_values(sample.object_values)
    found = {
        shape.category: wanted is None or wanted.has_category(shape.category, shape.number)
        for shape in sample.polygons.read().shapes
        if not shape.is_erased and shape.category != UNNAMED
    }
    return [MaskValue(name, 1, 0, is_object) for name, is_object in sorted(found.items())]

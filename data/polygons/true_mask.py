"""The mask of a photo from its polygons, as training and evaluation need it."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from data.arrays import Mask
from data.errors import InputError
from data.folders import counted
from data.geometry import Size
from data.images import read_size
from data.object_values import object_values
from data.polygons.annotation import UNNAMED, Entry, Shape, drawn, listed
from data.threads import map_threads, named

log = logging.getLogger(__name__)

MAX_NAMED = 20
"""Most polygons that cannot be used of which each is named."""


@dataclass(frozen=True)
class Checked:
    """What is found in the polygons of a photo."""

    categories: tuple[str, ...] = ()
    """Those of all shapes."""
    is_object: bool = True
    """Whether some of them may be the object."""
    failure: str = ""
    """Why the object cannot be drawn; empty if it can."""


def read_true_mask(entry: Entry, size: Size, wanted: Sequence[int | str] = ()) -> Mask:
    """Return the (H, W) mask of the polygons of a photo.

    Args:
        entry: the polygons.
        size: the photo's.
        wanted: categories of the object, as the setting `data.object` names them; by default all.

    Raises:
        InputError: the polygons are damaged, of another size, leave the photo or cross themselves.
    """
    return drawn(entry.read(), size, partial(_is_object, wanted))


def usable(
    entries: Mapping[Path, Entry], folder: Path, wanted: Sequence[int | str] = ()
) -> list[Path]:
    """Return the photos whose polygons can be drawn, and name the others in warnings.

    Args:
        entries: the polygons of each photo.
        folder: the data folder, for messages.
        wanted: categories of the object, as the setting `data.object` names them.

    Raises:
        InputError: there are none, or they have several categories and `wanted` names none of them.
    """
    check = named(partial(_checked, entries=entries, wanted=wanted))
    with closing(map_threads(check, entries)) as results:
        found = {
            photo: Checked(failure=str(result)) if isinstance(result, InputError) else result
            for photo, result in zip(entries, results, strict=True)
        }
    failures = [checked.failure for checked in found.values() if checked.failure]
    for failure in failures[:MAX_NAMED]:
        log.warning("left out: %s", failure)
    if len(failures) > MAX_NAMED:
        log.warning("left out: %d more like these", len(failures) - MAX_NAMED)
    if len(failures) == len(found):
        raise InputError(f"{folder} has no polygons that can be used; the first: {failures[0]}")
    _check_categories(folder, list(found.values()), wanted)
    return [photo for photo, checked in found.items() if not checked.failure]


def _checked(photo: Path, entries: Mapping[Path, Entry], wanted: Sequence[int | str]) -> Checked:
    """Return what the polygons of a photo have, and draw those that are the object.

    Raises:
        InputError: they are damaged.
    """
    annotation, size, failure = entries[photo].read(), None, ""
    is_wanted = partial(_is_object, wanted)
    with suppress(InputError):  # whoever reads a damaged photo names it
        size = read_size(photo)
    if size is not None:
        try:
            drawn(annotation, size, is_wanted)
        except InputError as error:
            failure = str(error)
    shapes = [shape for shape in annotation.shapes if not shape.is_erased]
    is_object = any(shape.category == UNNAMED or is_wanted(shape) for shape in shapes)
    return Checked(tuple(annotation.categories), is_object, failure)


def _is_object(wanted: Sequence[int | str], shape: Shape) -> bool:
    values = object_values(wanted)
    return values is None or values.has_category(shape.category, shape.number)


def _check_categories(
    folder: Path, checked: Sequence[Checked], wanted: Sequence[int | str]
) -> None:
    """Raise if it is not clear which polygons are the object, or none is.

    Raises:
        InputError: there are several categories, or none of those wanted.
    """
    numbers = Counter(name for one in checked for name in one.categories)
    counts = listed(f"{name} ({counted(num, 'photo')})" for name, num in numbers.items())
    if not wanted and len(numbers) > 1:
        raise InputError(
            f"{folder} has polygons of several categories, {counts}; choose in a settings file, "
            f'such as data.object = ["{numbers.most_common(1)[0][0]}"]'
        )
    if wanted and numbers and not any(one.is_object for one in checked):
        raise InputError(
            f"{folder} has no polygons of {list(wanted)} (data.object); there are {counts}"
        )

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
from data.geometry import Size
from data.images import read_size
from data.object_values import object_values
from data.polygons.annotation import Entry, Shape, drawn, listed
from data.threads import map_threads, named

log = logging.getLogger(__name__)

MAX_NAMED = 20
"""Most polygons that cannot be used of which each is named."""


@dataclass(frozen=True)
class Drawable:
    """What is known of polygons that can be drawn."""

    categories: tuple[str, ...]
    """Those of all shapes."""
    is_chosen: bool
    """Whether some are the object."""


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
        found = dict(zip(entries, results, strict=True))
    failures = [str(result) for result in found.values() if isinstance(result, InputError)]
    drawable = {p: result for p, result in found.items() if isinstance(result, Drawable)}
    for failure in failures[:MAX_NAMED]:
        log.warning("left out: %s", failure)
    if len(failures) > MAX_NAMED:
        log.warning("left out: %d more like these", len(failures) - MAX_NAMED)
    if not drawable:
        raise InputError(f"{folder} has no polygons that can be used; the first: {failures[0]}")
    _check_categories(folder, list(drawable.values()), wanted)
    return list(drawable)


def _checked(photo: Path, entries: Mapping[Path, Entry], wanted: Sequence[int | str]) -> Drawable:
    """Draw the polygons of a photo.

    Raises:
        InputError: they cannot be drawn.
    """
    annotation, size = entries[photo].read(), None
    with suppress(InputError):  # whoever reads a damaged photo names it
        size = read_size(photo)
    if size is not None:
        drawn(annotation, size, partial(_is_object, wanted))
    shapes = [shape for shape in annotation.shapes if shape.category in annotation.categories]
    is_chosen = len(shapes) < len(annotation.shapes) or any(_is_object(wanted, s) for s in shapes)
    return Drawable(tuple(annotation.categories), is_chosen)


def _is_object(wanted: Sequence[int | str], shape: Shape) -> bool:
    values = object_values(wanted)
    return values is None or values.has_category(shape.category, shape.number)


def _check_categories(
    folder: Path, drawable: Sequence[Drawable], wanted: Sequence[int | str]
) -> None:
    """Raise if it is not clear which polygons are the object, or none is.

    Raises:
        InputError: there are several categories, or none of those wanted.
    """
    numbers = Counter(name for one in drawable for name in one.categories)
    counts = listed(f"{name} (in {num} photos)" for name, num in numbers.items())
    if not wanted and len(numbers) > 1:
        raise InputError(
            f"{folder} has polygons of several categories, {counts}; choose in a settings file, "
            f'such as data.object = ["{numbers.most_common(1)[0][0]}"]'
        )
    if wanted and not any(one.is_chosen for one in drawable) and numbers:
        raise InputError(
            f"no polygons in {folder} are {list(wanted)} (data.object); there are {counts}"
        )

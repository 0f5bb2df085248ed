"""What a file says about one photo: its shapes and their categories, drawn into a mask when asked.

Shapes are drawn in the order of the file. Errors name the file and the shape.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.images import MAX_PIXELS
from data.polygons.contour import Ring
from data.polygons.filling import filled
from data.polygons.json_file import read_text_bytes

MAX_SHOWN = 80
"""Most characters of a name in a message."""

MAX_NAME = 200
"""Most bytes of a stem; most file systems allow 255 for a name with its ending."""


UNNAMED = ""
"""Category of a shape that may be of any."""


@dataclass(frozen=True)
class Shape:
    """One shape of an annotation."""

    what: str
    """What messages call it, such as shape 3."""
    category: str
    """What it is, or `UNNAMED` where the file does not say it."""
    draw: Callable[[Size], Mask]
    """Returns the (H, W) mask of the shape in a photo of a size, or raises `InputError`."""
    is_erased: bool = False
    """Whether it is taken from the shapes before it, whatever their category."""
    number: int | None = None
    """The number of the category, where the file has numbers."""


@dataclass(frozen=True)
class Annotation:
    """The shapes in one photo."""

    size: Size | None
    """Of the photo, where the file says it."""
    shapes: tuple[Shape, ...]
    photo: str = ""
    """Path of the photo, where the file says it."""
    where: str = ""
    """What messages call the annotation: a file, or a part of one."""

    @property
    def categories(self) -> list[str]:
        """The categories of the shapes, each once, in alphabetical order."""
        named = {shape.category for shape in self.shapes if not shape.is_erased}
        return sorted(named - {UNNAMED})


@dataclass(frozen=True)
class Entry:
    """An annotation that can be read."""

    name: str
    """Of the photo or of the file, from which results get their names."""
    where: str
    """What messages call it."""
    parse: Callable[[], Annotation]
    """Returns the annotation, without where it is."""
    content: Callable[[], bytes] = bytes
    """Returns the bytes that decide what the annotation is; others, if it is another."""

    def read(self) -> Annotation:
        """Return the annotation.

        Raises:
            InputError: it is damaged.
        """
        try:
            return replace(self.parse(), where=self.where)
        except InputError as error:
            raise InputError(f"{self.where}: {error}") from None


def read_mask_of(
    annotation: Annotation, size: Size | None = None, category: str | None = None
) -> Mask:
    """Return the (H, W) mask of all shapes of one category.

    Args:
        annotation: from one of the readers of this package.
        size: the photo's; by default what the annotation says.
        category: draw only shapes of this one; by default all must have the same.

    Raises:
        InputError: the size is unknown, another or too large, there are several categories, or a
            shape cannot be drawn.
    """
    where, found = annotation.where, annotation.categories
    if category is None and len(found) > 1:
        raise InputError(f"{where} has the categories {listed(found)}; choose one of them")
    return drawn(annotation, size, lambda shape: category in (None, shape.category))


def drawn(
    annotation: Annotation, size: Size | None, is_wanted: Callable[[Shape], bool] = lambda _: True
) -> Mask:
    """Return the (H, W) mask of the shapes that are wanted, and of those that may be of any kind.

    Args:
        annotation: from one of the readers of this package.
        size: the photo's; None for what the annotation says.
        is_wanted: called with shapes that have a category.

    Raises:
        InputError: the size is unknown, another or too large, or a shape cannot be drawn.
    """
    size = _agreed(annotation, size)
    mask = np.zeros(size, np.bool_)
    for shape in annotation.shapes:
        if not shape.is_erased and shape.category != UNNAMED and not is_wanted(shape):
            continue
        try:
            inside = shape.draw(size)
        except InputError as error:
            raise InputError(f"{annotation.where}: {shape.what} cannot be used: {error}") from None
        if shape.is_erased:
            mask &= ~inside
        else:
            mask |= inside
    return mask


def _agreed(annotation: Annotation, size: Size | None) -> Size:
    """Return the size of the photo, which the file and the caller must agree on."""
    said = annotation.size
    if said is not None and size is not None and said != size:
        raise InputError(
            f"{annotation.where} is for a photo of {said.width} x {said.height} pixels, but the "
            f"photo has {size.width} x {size.height}"
        )
    known = size or said
    if known is None:
        raise InputError(f"{annotation.where} does not say the size of its photo")
    return known


def size_of(height: Any, width: Any) -> Size:
    """Return the size that a file gives.

    Raises:
        InputError: these are no sizes, or there are too many pixels.
    """
    if type(height) is not int or type(width) is not int or height < 1 or width < 1:
        raise InputError(
            f"height and width are whole numbers from 1, not {height!r:.40} and {width!r:.40}"
        )
    if height * width > MAX_PIXELS:
        sides = f"{str(width)[:20]} x {str(height)[:20]}"
        raise InputError(f"{sides} pixels are more than {MAX_PIXELS}")
    return Size(height, width)


def ring_of(points: Any) -> Ring:
    """Return (N, 2) float64 from pairs x, y, without a first corner repeated at the end.

    Raises:
        InputError: there are fewer than 3 corners, or something else than two numbers for each.
    """
    try:
        ring = np.asarray(points, np.float64)
    except (ValueError, TypeError, OverflowError):
        raise InputError("a corner is two numbers, x and y") from None
    if ring.ndim != 2 or ring.shape[1] != 2:
        if ring.size:
            raise InputError("a corner is two numbers, x and y")
        ring = np.empty((0, 2))
    if not np.isfinite(ring).all():
        raise InputError("a corner is not finite")
    if len(ring) > 1 and (ring[0] == ring[-1]).all():
        ring = ring[:-1]
    if len(ring) < 3:
        raise InputError(f"it has {len(ring)} corners; a polygon has 3 or more")
    return ring


def drawing(rings: Sequence[Ring], *, is_even_odd: bool = False) -> Callable[[Size], Mask]:
    """Return a function that fills `rings`: all, or what lies in an odd number of them."""

    def draw(size: Size) -> Mask:
        mask = np.zeros(size, np.bool_)
        for ring in rings:
            if is_even_odd:
                mask ^= filled(ring, size)
            else:
                mask |= filled(ring, size)
        return mask

    return draw


def stem_of(photo: str) -> str:
    """Return the stem that results of a photo are named by, from the name in a file.

    Folders in the name are left out, so that no result leaves the folder for results.

    Raises:
        InputError: the name cannot name a file.
    """
    stem = PurePosixPath(photo.replace("\\", "/").rstrip("/")).stem
    try:
        length = len(os.fsencode(stem))
    except UnicodeEncodeError:
        raise InputError(f"{photo[:MAX_SHOWN]!r} is not the name of a photo") from None
    if not stem.strip(".") or any(ord(character) < 32 for character in stem):
        raise InputError(f"{photo[:MAX_SHOWN]!r} is not the name of a photo")
    if length > MAX_NAME:
        raise InputError(f"the name of the photo is too long, {length} bytes")
    return stem


def file_entry(file: Path, decode: Callable[[bytes], Annotation], max_bytes: int) -> Entry:
    """Return the entry of a photo that has a file of its own, of `max_bytes` at most."""
    content = partial(read_text_bytes, file, max_bytes)
    return Entry(file.name, str(file), lambda: decode(content()), content)


def failing(name: str, where: str, reason: str) -> Entry:
    """Return an entry that cannot be read, for `reason`."""

    def parse() -> Annotation:
        raise InputError(reason)

    return Entry(name, where, parse)


def listed(names: Iterable[str]) -> str:
    """Return the first few of `names` for a message."""
    first = [shown(name) for name in sorted(names)]
    return ", ".join(first[:6]) + (f" and {len(first) - 6} more" if len(first) > 6 else "")


def shown(name: str) -> str:
    """Return `name` as it can stand in a message of one line."""
    return name if name.isprintable() and 0 < len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]!r}"

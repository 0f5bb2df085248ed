"""Finding pictures in folders, and saying what is left out."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from data.errors import InputError
from data.images import PHOTO_SUFFIXES

log = logging.getLogger(__name__)

OTHER_SUFFIXES = frozenset(
    (
        ".3fr",
        ".ai",
        ".arw",
        ".cr2",
        ".cr3",
        ".dcm",
        ".dng",
        ".eps",
        ".exr",
        ".fit",
        ".fits",
        ".hdr",
        ".hif",
        ".ico",
        ".j2k",
        ".jp2",
        ".jxl",
        ".nef",
        ".orf",
        ".pbm",
        ".pcx",
        ".pdf",
        ".pef",
        ".pfm",
        ".pgm",
        ".pnm",
        ".ppm",
        ".ps",
        ".psb",
        ".psd",
        ".raf",
        ".raw",
        ".rw2",
        ".sgi",
        ".srw",
        ".svg",
        ".svgz",
        ".tga",
        ".xcf",
    )
)
"""Endings of pictures that are not read."""

MAX_LISTED = 5
"""Most problems, or names, that a message lists."""


def images_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the images in `folder` with one of `suffixes`, in lower or upper case, by name."""
    return sorted(path for path in visible(folder) if path.suffix.lower() in suffixes)


def visible(folder: Path) -> list[Path]:
    """Return what is in `folder`, but for hidden files, such as those that macOS leaves behind.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from error


def photos_at(path: Path) -> list[Path]:
    """Return the photo at `path`, or those in the folder `path` by name; say what is left out.

    Raises:
        InputError: there is nothing at `path`, or no photo in it.
    """
    if path.is_dir():
        photos, others = images_in(path, PHOTO_SUFFIXES), left_out(path)
        if not photos:
            found = f"; there are {others}" if others else ""
            raise InputError(f"no photos in {path} (looked for {', '.join(PHOTO_SUFFIXES)}){found}")
        if others:
            log.warning("left out of %s: %s", path, others)
        return photos
    if not path.is_file():
        what = "is no regular file" if path.exists() else "is no photo and no folder"
        raise InputError(f"no such photo or folder: {path} {what}")
    return [path]


def left_out(folder: Path) -> str:
    """Return what is not read of the pictures in `folder` and below; empty if there are none."""
    suffixes: Counter[str] = Counter()
    num_below = 0
    for path in visible(folder):
        suffix = path.suffix.lower()
        if path.is_dir():
            num_below += len(images_in(path, PHOTO_SUFFIXES))
        elif suffix in OTHER_SUFFIXES:
            suffixes[suffix] += 1
    parts = [f"{num} {suffix} files" for suffix, num in sorted(suffixes.items())]
    if parts:
        parts[-1] += " (save them as JPEG or PNG)"
    if num_below:
        parts.append(f"{num_below} photos in folders below (name those folders as well)")
    return ", ".join(parts)


def by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    """Return `paths` by their stems, which are used to name results.

    Raises:
        InputError: two have one stem; such pairs are named.
    """
    result: dict[str, Path] = {}
    problems = []
    for path in paths:
        if path.stem in result:
            problems.append(f"{result[path.stem]} and {path} have the same stem")
        result[path.stem] = path
    raise_all(problems)
    return result


def raise_all(problems: Iterable[str]) -> None:
    """Raise an error of a line for each of the first problems, and the number of the others.

    Raises:
        InputError: there is a problem.
    """
    lines = list(problems)
    num_others = len(lines) - MAX_LISTED
    if num_others > 1:
        lines[MAX_LISTED:] = [f"and {num_others} more"]
    if lines:
        raise InputError("\n".join(lines))

"""Finding pictures in folders, and saying what is left out."""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from data.errors import InputError
from data.images import PHOTO_SUFFIXES

log = logging.getLogger(__name__)

CLUTTER = (".db", ".ini")
"""Endings of what Windows leaves in folders."""

OTHER_SUFFIXES = frozenset(
    (
        *(".3fr", ".ai", ".arw", ".cr2", ".cr3", ".dcm", ".dng", ".eps"),
        *(".exr", ".fit", ".fits", ".hdr", ".hif", ".ico", ".j2k", ".jp2"),
        *(".jxl", ".nef", ".orf", ".pbm", ".pcx", ".pdf", ".pef", ".pfm"),
        *(".pgm", ".pnm", ".ppm", ".ps", ".psb", ".psd", ".raf", ".raw"),
        *(".rw2", ".sgi", ".srw", ".svg", ".svgz", ".tga", ".xcf"),
    )
)
"""Endings of pictures that are not read."""

MAX_LISTED = 5
"""Most problems, or names, that a message lists."""


def images_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the files in `folder` with one of `suffixes`, in lower or upper case, by name.

    Hidden files are left out.

    Raises:
        InputError: the folder cannot be read.
    """
    return sorted(
        Path(entry.path)
        for entry in visible(folder)
        if suffix_of(entry) in suffixes and not entry.is_dir()
    )


def visible(folder: Path) -> list[os.DirEntry[str]]:
    """Return what is in `folder`, but for hidden files, such as those that macOS leaves behind.

    Entries know whether they are folders without a look at the disk for each of them.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from error


def suffix_of(entry: os.DirEntry[str]) -> str:
    """Return the ending of a name in lower case, such as ".jpg"."""
    return PurePath(entry.name).suffix.lower()


def photos_at(path: Path) -> list[Path]:
    """Return the photo at `path`, or those in the folder `path` by name; say what is left out.

    Raises:
        InputError: there is nothing at `path`, or no photo in it.
    """
    if path.is_dir():
        photos, others = photos_in(path)
        if others:
            log.warning("left out of %s: %s", path, others)
        return photos
    if not path.is_file():
        what = "is no regular file" if path.exists() else "is no photo and no folder"
        raise InputError(f"no such photo or folder: {path} {what}")
    return [path]


def photos_in(folder: Path) -> tuple[list[Path], str]:
    """Return the photos in `folder` by name, and what is left out, if anything is.

    Raises:
        InputError: it cannot be read, or there is no photo in it.
    """
    photos, others = images_in(folder, PHOTO_SUFFIXES), left_out(folder)
    if not photos:
        found = f"; there are {others}" if others else ""
        raise InputError(f"no photos in {folder} (looked for {', '.join(PHOTO_SUFFIXES)}){found}")
    return photos, others


def left_out(folder: Path) -> str:
    """Return what is not read of the pictures in `folder` and below; empty if there are none."""
    suffixes: Counter[str] = Counter()
    folders = []
    for entry in visible(folder):
        if entry.is_dir():
            folders.append(Path(entry.path))
        elif suffix_of(entry) in OTHER_SUFFIXES:
            suffixes[suffix_of(entry)] += 1
    parts = [counted(num, f"{suffix} file") for suffix, num in sorted(suffixes.items())]
    if parts:
        parts[-1] += " (save as JPEG or PNG)"
    num_below = sum(map(_num_below, folders))
    if num_below:
        parts.append(f"{counted(num_below, 'photo')} in folders below (name those folders as well)")
    return ", ".join(parts)


def counted(num: int, name: str) -> str:
    """Return a number with the name of what is counted, such as "1 file" and "2 files"."""
    return f"{num} {name}{'' if num == 1 else 's'}"


def _num_below(folder: Path) -> int:
    """Return the number of photos in `folder` and below it; what cannot be read has none."""
    num = 0
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        num += sum(
            name.lower().endswith(PHOTO_SUFFIXES) and not name.startswith(".") for name in names
        )
    return num


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

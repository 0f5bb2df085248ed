"""Photos on disk, found in folders and all that lies below them, and what their results are called.

The results of a photo that is given by its path are called by its stem. Those of a photo in a
folder that is given are called by its path in that folder: `red/front` for `photos/red/front.jpg`
if `photos` is given. So results lie as their photos do.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from data.errors import InputError
from data.folders import OTHER_SUFFIXES, counted
from data.images import PHOTO_SUFFIXES, opened
from data.pairing import true_masks

log = logging.getLogger(__name__)

RESULTS_MARK = ".foveamask.json"
"""A file in every folder of results, whose pictures are never taken for photos."""

PICTURES_MARK = ".foveamask.pictures"
"""The same in a folder of pictures of predictions."""

SYSTEM_FILES = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"))
"""What Windows and macOS leave in folders, in lower case, besides hidden files."""

SYSTEM_FOLDERS = frozenset(
    (
        *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),
        *("__macosx", "$recycle.bin", "system volume information", "lost+found"),
    )
)
"""Folders of thumbnails, deleted files and the like that systems and network drives make, in lower
case, besides hidden ones."""

HIDDEN_FILE, HIDDEN_FOLDER = "hidden or system file", "hidden or system folder"
OTHER_FILE, RESULTS, MASK = "other file", "result folder", "true mask"
HARMLESS = frozenset((HIDDEN_FILE, HIDDEN_FOLDER, OTHER_FILE, RESULTS))
"""What is passed over without a warning."""


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo, and what its results are called."""

    path: Path
    name: str
    """Path of a result in the folder of all results, without its ending; / is between folders."""

    @property
    def file(self) -> str:
        """The same path, with the ending of the photo."""
        return f"{self.name}{self.path.suffix}"

    def __str__(self) -> str:
        return str(self.path)


@dataclass
class Tree:
    """What a folder and all that lies below it have."""

    root: Path
    photos: list[PhotoFile] = field(default_factory=list)
    """In the order of their names, those of a folder before those of the folders in it."""
    passed_over: Counter[str] = field(default_factory=Counter)
    """Numbers of other files and folders, by what they are."""
    unread: list[Path] = field(default_factory=list)
    """Folders below the first one that cannot be read."""

    @property
    def may_lack_photos(self) -> bool:
        """Whether something is passed over that may be meant."""
        return bool(self.unread or set(self.passed_over) - HARMLESS)

    def others(self) -> str:
        """Return what is passed over, as text; empty if nothing is."""
        pictures = [what for what in self.passed_over if what.startswith(".")]
        rest = [what for what in self.passed_over if not what.startswith(".")]
        parts = [counted(self.passed_over[what], what) for what in sorted(pictures)]
        if parts:
            parts[-1] += " (save as JPEG or PNG)"
        parts += [counted(self.passed_over[what], what) for what in sorted(rest)]
        if self.unread:
            num = counted(len(self.unread), "folder")
            parts.append(f"{num} that cannot be read, such as {self.unread[0]}")
        return ", ".join(parts)


def find_photo_files(paths: Sequence[Path], out: Path | None = None) -> list[PhotoFile]:
    """Return the photos at `paths` and in the folders there; say what is passed over.

    Args:
        paths: photos, or folders of them and of other folders.
        out: folder for results, in which no photo is looked for.

    Raises:
        InputError: there is nothing at a path, it cannot be read, or has no photo; or `out` lies in
            one of the folders and holds photos.
    """
    found: dict[PhotoFile, None] = {}  # in order; what is given twice is there once
    for path in paths:
        if path.is_dir():
            tree = search(path, out)
            if not tree.photos:
                others = f"; there are {tree.others()}" if tree.others() else ""
                raise InputError(
                    f"no photos in {path} (looked for {', '.join(PHOTO_SUFFIXES)}){others}"
                )
            say_passed_over(tree)
            found.update(dict.fromkeys(tree.photos))
        else:
            check_photo(path)
            found[PhotoFile(path, path.stem)] = None
    return list(found)


def check_photo(path: Path) -> None:
    """Raise if there is no file at `path`.

    Raises:
        InputError: there is not.
    """
    if not path.is_file():
        what = "is no regular file" if path.exists() else "is no photo and no folder"
        raise InputError(f"no such photo or folder: {path} {what}")


def say_passed_over(tree: Tree) -> None:
    """Say in one line what is passed over in a folder, if anything is."""
    if tree.others():
        level = logging.WARNING if tree.may_lack_photos else logging.INFO
        log.log(level, "passed over in %s: %s", tree.root, tree.others())


def search(root: Path, out: Path | None = None) -> Tree:
    """Return the photos in the folder `root` and below, and what is passed over.

    No photos are hidden files, those of systems, what lies in folders of results, and the masks of
    data folders, such as `masks/a.png` beside `images/a.jpg`. Symbolic links are followed.

    Args:
        root: the folder.
        out: folder for results, in which no photo is looked for.

    Raises:
        InputError: `root` cannot be read, or `out` lies in it and holds photos.
    """
    tree, skipped = Tree(root), None if out is None else _identity(out)
    # Folders to look into, with what names in them begin with and the folders above them.
    waiting = [(root, "", frozenset[tuple[int, int] | None]())]
    while waiting:
        folder, prefix, above = waiting.pop()
        identity = _identity(folder)
        if identity in above:
            continue  # a symbolic link leads back to a folder above
        entries = _entries(folder, tree)
        is_out = folder != root and identity == skipped
        if is_out or (folder != root and _is_marked(entries)):
            tree.passed_over[RESULTS] += 1
            if is_out and not _is_marked(entries):
                _check_no_photos(folder, root)
            continue
        inner = _sort_out(entries, folder, prefix, tree)
        waiting += [
            (folder / name, f"{prefix}{name}/", above | {identity}) for name in reversed(inner)
        ]
    _leave_masks_out(tree)
    return tree


def _entries(folder: Path, tree: Tree) -> list[os.DirEntry[str]]:
    """Return what is in a folder of `tree` by name; if it cannot be read, note that.

    Raises:
        InputError: the first folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if folder == tree.root:
            raise InputError(f"{folder} cannot be read: {error.strerror}") from error
        tree.unread.append(folder)
        return []


def _sort_out(
    entries: Iterable[os.DirEntry[str]], folder: Path, prefix: str, tree: Tree
) -> list[str]:
    """Add the photos among `entries` to `tree`, count other files; return the folders' names."""
    inner = []
    for entry in entries:
        name, is_hidden = entry.name, entry.name.startswith(".")
        if _is_folder(entry):
            if is_hidden or name.lower() in SYSTEM_FOLDERS:
                tree.passed_over[HIDDEN_FOLDER] += 1
            else:
                inner.append(name)
        elif is_hidden or name.lower() in SYSTEM_FILES:
            tree.passed_over[HIDDEN_FILE] += 1
        elif (suffix := name[name.rfind(".") :].lower()) in PHOTO_SUFFIXES:
            tree.photos.append(PhotoFile(folder / name, f"{prefix}{name[: -len(suffix)]}"))
        else:
            tree.passed_over[f"{suffix} file" if suffix in OTHER_SUFFIXES else OTHER_FILE] += 1
    return inner


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from all others, whatever it is called; None if there is none."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):  # a symbolic link to what cannot be looked at
        return entry.is_dir()
    return False


def _is_marked(entries: Iterable[os.DirEntry[str]]) -> bool:
    """Whether a folder with these `entries` is one of results."""
    return any(entry.name in (RESULTS_MARK, PICTURES_MARK) for entry in entries)


def _check_no_photos(out: Path, root: Path) -> None:
    """Raise if a folder for results, which was never used as one, holds photos.

    Raises:
        InputError: it holds pictures with colours.
    """
    for photo in search(out).photos:
        if _has_colours(photo.path):
            raise InputError(
                f"{out} lies in {root} and holds photos, such as {photo}; name another folder for "
                "the results"
            )


def _has_colours(path: Path) -> bool:
    """Whether there is a picture with colours at `path`."""
    with suppress(InputError), opened(path) as image:
        return image.mode not in ("1", "L", "P")
    return False


def _leave_masks_out(tree: Tree) -> None:
    """Leave out the masks that lie in a data folder beside their photos, and count them."""
    masks = set(true_masks(photo.path for photo in tree.photos))
    if not masks:
        return
    photos = [photo for photo in tree.photos if photo.path.absolute() not in masks]
    if len(photos) < len(tree.photos):
        tree.passed_over[MASK] += len(tree.photos) - len(photos)
        tree.photos = photos


def by_name(photos: Iterable[PhotoFile]) -> dict[str, PhotoFile]:
    """Return `photos` by the names of their results.

    Raises:
        InputError: two have one name.
    """
    found: dict[str, PhotoFile] = {}
    same: list[tuple[PhotoFile, PhotoFile]] = []
    for photo in photos:
        first = found.setdefault(photo.name, photo)
        if first is not photo:
            same.append((first, photo))
    if same:
        raise InputError(_collision(same))
    return found


def _collision(same: Sequence[tuple[PhotoFile, PhotoFile]]) -> str:
    """Return the message for photos whose results would have one name."""
    one, other = same[0]
    more = f", and so would {counted(len(same) - 1, 'other pair')}" if len(same) > 1 else ""
    todo = "write them to two folders"
    if one.path.parent == other.path.parent:
        todo = f"rename one of them, or {todo}"
    else:
        above = os.path.commonpath([photo.path.parent.absolute() for photo in same[0]])
        if above != os.sep:
            todo = f"name {above} instead, whose sub-folders are kept, or {todo}"
    return f"results of {one} and {other} would both be called {one.name}{more}; {todo}"

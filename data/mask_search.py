"""The masks of photos in a folder of masks, which lie and are called as their photos are."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from data.errors import InputError
from data.folders import images_in
from data.images import MASK_SUFFIXES
from data.layouts import MASK_ENDINGS
from data.photo_files import PhotoFile


def find_masks(
    photos: Sequence[PhotoFile], place: Path, suffixes: Sequence[str] = MASK_SUFFIXES
) -> dict[PhotoFile, Path | InputError]:
    """Return the mask of each photo, or why there is none.

    The mask of `red/a.jpg` in a folder of photos is `red/a.png` in that of masks, or `a_mask.png`,
    `a-seg.gif` and the like; see `data.layouts.MASK_ENDINGS`.

    Args:
        photos: the photos.
        place: folder of masks, or the mask of the only photo.
        suffixes: endings of masks in a folder.

    Raises:
        InputError: there is nothing at `place`, or it is one mask of several photos.
    """
    if place.is_file():
        if len(photos) > 1:
            raise InputError(
                f"{place} is one mask for {len(photos)} photos; name a folder of masks"
            )
        return dict.fromkeys(photos, place)
    if not place.is_dir():
        raise InputError(f"no such mask or folder: {place}")

    @cache
    def masks_in(folder: Path) -> Mapping[str, Sequence[Path]]:
        return _by_stem(folder, suffixes)

    found: dict[PhotoFile, Path | InputError] = {}
    for photo in photos:
        folder = (place / photo.name).parent
        found[photo] = _mask_of(photo, folder, masks_in(folder))
    return found


def _by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, list[Path]]:
    """Return the masks in a folder by their stems; none if there is no such folder."""
    found: dict[str, list[Path]] = {}
    for path in images_in(folder, suffixes) if folder.is_dir() else []:
        found.setdefault(path.stem, []).append(path)
    return found


def _mask_of(
    photo: PhotoFile, folder: Path, masks: Mapping[str, Sequence[Path]]
) -> Path | InputError:
    """Return that of the `masks` in a folder, which are by stem, that is of `photo`."""
    stems = [photo.path.stem + ending for ending in MASK_ENDINGS]
    matches = [path for stem in stems for path in masks.get(stem, ()) if path != photo.path]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(path.name for path in matches)
        return InputError(f"{len(matches)} masks of {photo} in {folder}: {names}")
    return InputError(f"no mask of {photo} in {folder} (looked for {', '.join(sorted(stems))})")

"""Data folders: where photos and masks lie, and which mask belongs to which photo."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from data.errors import InputError
from data.folders import by_stem, images_in, photos_at, raise_all
from data.images import MASK_SUFFIXES

LAYOUTS = (
    ("train", "train_masks"),
    ("images", "masks"),
    ("images", "labels"),
    ("imgs", "masks"),
    ("photos", "masks"),
    ("photos", "labels"),
    ("JPEGImages", "SegmentationClass"),
)
"""Names of the folder of photos and of the folder of masks, in a data folder."""

MASK_ENDINGS = ("", "_mask", "-mask", ".mask", "_masks", "_gt", "_seg", "_label", "_labels")
"""What the stem of a mask adds to that of its photo."""


def pairs_in(folder: Path) -> dict[Path, Path]:
    """Return the mask of each photo of a data folder.

    Raises:
        InputError: the folder has no known layout, a photo or mask has no partner, or several.
    """
    photo_dir, mask_dir = _layout(folder)
    photos = by_stem(photos_at(photo_dir))
    masks = by_stem(images_in(mask_dir, MASK_SUFFIXES))
    for ending in MASK_ENDINGS:
        if {stem + ending for stem in photos} == set(masks):
            return {photo: masks[stem + ending] for stem, photo in photos.items()}
    return _pairs_of_any_ending(photos, masks, mask_dir)


def masks_of(stem: str, masks: Mapping[str, Path]) -> list[Path]:
    """Return those of `masks`, which are by stem, whose name says that they are of `stem`."""
    return [masks[stem + ending] for ending in MASK_ENDINGS if stem + ending in masks]


def true_masks(photos: Iterable[Path]) -> list[Path]:
    """Return the masks of those `photos` that lie in a data folder beside them."""
    by_folder: dict[Path, list[Path]] = {}
    for photo in photos:
        by_folder.setdefault(photo.absolute().parent, []).append(photo)
    found: list[Path] = []
    for folder, own in by_folder.items():
        for photo_dir, mask_dir in LAYOUTS:
            beside = folder.with_name(mask_dir)
            if folder.name == photo_dir and beside.is_dir():
                masks = {path.stem: path for path in images_in(beside, MASK_SUFFIXES)}
                found += [mask for photo in own for mask in masks_of(photo.stem, masks)]
    return found


def _pairs_of_any_ending(
    photos: Mapping[str, Path], masks: Mapping[str, Path], mask_dir: Path
) -> dict[Path, Path]:
    """Return the mask of each photo where the masks are not all named in the same way."""
    candidates = {photo: masks_of(stem, masks) for stem, photo in photos.items()}
    used = {mask for found in candidates.values() for mask in found}
    missing = [f"{photo} has no mask" for photo, found in candidates.items() if not found]
    if missing:
        endings = ", ".join(f"<stem>{ending}" for ending in MASK_ENDINGS)
        missing[-1] += f" in {mask_dir} (looked for {endings} with {', '.join(MASK_SUFFIXES)})"
    several = [
        f"{photo} has several masks: {', '.join(map(str, found))}"
        for photo, found in candidates.items()
        if len(found) > 1
    ]
    unused = [f"{mask} has no photo" for mask in masks.values() if mask not in used]
    raise_all(several or _shortened(missing, len(photos)) + _shortened(unused, len(masks)))
    return {photo: found[0] for photo, found in candidates.items()}


def _shortened(problems: list[str], num: int) -> list[str]:
    """Return at most three of `problems`; the last says how many there are of `num` files."""
    if len(problems) <= 3:
        return problems
    return [*problems[:2], f"and {len(problems) - 3} more of {num}; {problems[-1]}"]


def _layout(folder: Path) -> tuple[Path, Path]:
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
    for photo_dir, mask_dir in LAYOUTS:
        if (folder / photo_dir).is_dir() and (folder / mask_dir).is_dir():
            return folder / photo_dir, folder / mask_dir
    known = " or ".join(f"{photo_dir}/ and {mask_dir}/" for photo_dir, mask_dir in LAYOUTS)
    raise InputError(f"{folder} has none of the layouts known: {known}")

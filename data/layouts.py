"""Layouts of data folders: where photos lie, where their masks lie, and how masks are named."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from data.folders import images_in
from data.images import MASK_SUFFIXES, PHOTO_SUFFIXES

PHOTO_FOLDERS = ("images", "imgs", "img", "image", "photos", "photo", "JPEGImages")
"""Names of folders of photos."""

MASK_FOLDERS = (
    *("masks", "mask", "labels", "label", "annotations", "segmentations", "SegmentationClass"),
    *("gt", "ground_truth"),
)
"""Names of folders of masks; each may stand beside any folder of photos."""

MASK_ENDINGS = (
    *("", "_mask", "-mask", ".mask", "_masks", "_gt", "-gt", "_seg", "-seg", "_segmentation"),
    *("-segmentation", "_label", "-label", "_labels"),
)
"""What the stem of a mask adds to that of its photo."""


@dataclass(frozen=True)
class Layout:
    """Where photos and masks lie in a data folder."""

    photos: str
    """Path of the photos in the data folder; empty for the folder itself."""
    masks: str
    """Path of the masks; the same as that of the photos if they lie among them."""

    def __str__(self) -> str:
        if self.photos == self.masks:
            return "photos with masks <stem>_mask beside them"
        return f"{self.photos}/ and {self.masks}/"

    def exists_in(self, folder: Path) -> bool:
        """Whether a data folder has the folders of this layout."""
        return (folder / self.photos).is_dir() and (folder / self.masks).is_dir()

    def files(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """Return the photos and the masks of a data folder, each by name.

        Raises:
            InputError: it cannot be read.
        """
        photos = images_in(folder / self.photos, PHOTO_SUFFIXES)
        if self.photos != self.masks:
            return photos, images_in(folder / self.masks, MASK_SUFFIXES)
        stems = {photo.stem for photo in photos}
        masks = [path for path in photos if photo_stems(path.stem) & stems]
        return [photo for photo in photos if photo not in set(masks)], masks


SAME_FOLDER = Layout("", "")

LAYOUTS = (
    Layout("train", "train_masks"),
    *(Layout(photos, masks) for photos in PHOTO_FOLDERS for masks in MASK_FOLDERS),
    *(
        Layout(f"train/{photos}", f"train/{masks}")
        for photos in PHOTO_FOLDERS
        for masks in MASK_FOLDERS
    ),
    *(
        Layout(f"{photos}/train", f"{masks}/train")
        for photos in PHOTO_FOLDERS
        for masks in MASK_FOLDERS
    ),
    SAME_FOLDER,
)
"""All layouts that are known."""


def find_layout(folder: Path) -> Layout:
    """Return the layout of a data folder: of those it may have, the one with the most pairs.

    Raises:
        InputError: it has no layout that is known, or several with equally many pairs.
    """
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
    found = [layout for layout in LAYOUTS[:-1] if layout.exists_in(folder)]
    if not found and SAME_FOLDER.files(folder)[1]:
        return SAME_FOLDER
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(
            f"{folder} has none of the layouts known: train/ and train_masks/, or photos in "
            f"{'/, '.join(PHOTO_FOLDERS)}/ with masks in {'/, '.join(MASK_FOLDERS)}/, or photos "
            "with masks <stem>_mask beside them"
        )
    numbers = {layout: _num_pairs(*layout.files(folder)) for layout in found}
    best = [layout for layout in found if numbers[layout] == max(numbers.values())]
    if len(best) > 1 and numbers[best[0]]:
        raise InputError(
            f"{folder} has several layouts: {', or '.join(map(str, best))}; move the folders that "
            "are not meant to another place"
        )
    return best[0]


def masks_of(stem: str, masks: Mapping[str, Path]) -> list[Path]:
    """Return those of `masks`, which are by stem, whose name says that they are of `stem`."""
    return [masks[stem + ending] for ending in MASK_ENDINGS if stem + ending in masks]


def photo_stems(stem: str) -> set[str]:
    """Return the stems of the photos that a mask `stem`, of another name than they, may be of."""
    return {stem.removesuffix(ending) for ending in MASK_ENDINGS if stem.endswith(ending)} - {stem}


def _num_pairs(photos: list[Path], masks: list[Path]) -> int:
    by_stem = {mask.stem: mask for mask in masks}
    return sum(bool(masks_of(photo.stem, by_stem)) for photo in photos)

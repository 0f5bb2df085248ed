"""Which mask, or which polygons, belong to which photo."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError
from data.folders import (
    CLUTTER,
    by_stem,
    counted,
    images_in,
    photos_in,
    raise_all,
    suffix_of,
    visible,
)
from data.images import MASK_SUFFIXES
from data.layouts import LAYOUTS, MASK_ENDINGS, SAME_FOLDER, Layout, find_layout, masks_of

if TYPE_CHECKING:
    from data.labelled_photos import LabelledPhotos

log = logging.getLogger(__name__)
LAST_PARTS = frozenset(Path(layout.photos).name for layout in LAYOUTS) - {""}
"""Names of folders that may hold the photos of a data folder."""


@dataclass(frozen=True)
class Pairing:
    """What is found in a data folder."""

    folder: Path
    layout: Layout
    pairs: Mapping[Path, Path]
    """The mask of each photo that has one."""
    missing: tuple[Path, ...] = ()
    """Photos without a mask."""
    several: Mapping[Path, tuple[Path, ...]] = field(default_factory=dict)
    """Photos with more than one mask, and these."""
    unused: tuple[Path, ...] = ()
    """Masks without a photo."""
    left_out: str = ""
    """What is not read of the pictures in the folder of photos and below."""
    labelled: "LabelledPhotos | None" = None
    """The polygons that are in place of masks; `pairs` has their files."""

    @property
    def problems(self) -> list[str]:
        """A line for each of the first files that have no partner or several."""
        if self.several:
            return [
                f"{photo} has several masks: {', '.join(map(str, masks))}"
                for photo, masks in self.several.items()
            ]
        missing = [f"{photo} has no mask" for photo in self.missing]
        if missing:
            missing[-1] += f" in {self._mask_dir} ({self._looked_for()})"
        unused = [f"{mask} has no photo" for mask in self.unused]
        num_photos, num_masks = (len(self.pairs) + len(lines) for lines in (missing, unused))
        return _shortened(missing, num_photos) + _shortened(unused, num_masks)

    @property
    def _mask_dir(self) -> Path:
        return self.folder / self.layout.masks

    def _looked_for(self) -> str:
        endings = ", ".join(f"<stem>{ending}" for ending in MASK_ENDINGS)
        entries = visible(self._mask_dir)
        others = Counter(suffix_of(entry) for entry in entries if not entry.is_dir())
        unread = [
            counted(num, f"{suffix} file")
            for suffix, num in sorted(others.items())
            if suffix not in ("", *CLUTTER, *MASK_SUFFIXES)
        ]
        found = f"; there are {', '.join(unread)}" if unread else ""
        return f"looked for {endings} with {', '.join(MASK_SUFFIXES)}{found}"


def find_pairs(folder: Path) -> Pairing:
    """Return the photos and masks of a data folder; where it has no masks, polygons.

    Raises:
        InputError: the folder has no known layout or no photo, or two photos or masks one stem.
    """
    try:
        pairing = _find_masks(folder)
    except InputError:
        with_polygons = _find_polygons(folder) if folder.is_dir() else None
        if with_polygons is None:
            raise
        return with_polygons
    if pairing.pairs or pairing.several:
        return pairing
    with_polygons = _find_polygons(folder)
    if with_polygons is None:
        return pairing
    if pairing.unused:
        num, first = len(pairing.unused), pairing.unused[0]
        log.warning("%d masks without a photo, such as %s, are left aside for polygons", num, first)
    return with_polygons


def _find_polygons(folder: Path) -> Pairing | None:
    """Return the photos of a data folder with their polygons, None where there are none.

    Raises:
        InputError: for the reasons given at `data.labelled_photos.find_labelled`.
    """
    from data.labelled_photos import find_labelled  # which takes half a second to import

    found = find_labelled(folder)
    if found is None:
        return None
    pairs = {photo: found.file_of(photo) for photo in found.entries}
    place = folder / found.layout.photos
    # Beside their photos, drawings are no pictures that were left out.
    others = "" if found.format == "svg" and found.place == place else photos_in(place)[1]
    return Pairing(folder, found.layout, pairs, left_out=others, labelled=found)


def _find_masks(folder: Path) -> Pairing:
    """Return the photos and masks of a data folder.

    Raises:
        InputError: the folder has no known layout or no photo, or two photos or masks one stem.
    """
    layout = find_layout(folder)
    photo_files, mask_files = layout.files(folder)
    others = ""
    if layout != SAME_FOLDER:
        photo_files, others = photos_in(folder / layout.photos)
    photos, masks = by_stem(photo_files), by_stem(mask_files)
    for ending in MASK_ENDINGS:
        if {stem + ending for stem in photos} == set(masks):
            pairs = {photo: masks[stem + ending] for stem, photo in photos.items()}
            return Pairing(folder, layout, pairs, left_out=others)
    return replace(_pairs_of_any_ending(folder, layout, photos, masks), left_out=others)


def checked_pairs(folder: Path) -> Pairing:
    """Return the mask, or the polygons, of each photo of a data folder; say what is left out.

    Raises:
        InputError: the folder has no known layout, a photo or mask has no partner, or several.
    """
    pairing = find_pairs(folder)
    if pairing.left_out:
        log.warning("left out of %s: %s", folder / pairing.layout.photos, pairing.left_out)
    if pairing.labelled is not None:
        pairing.labelled.warn_of_others()
    raise_all(pairing.problems)
    return pairing


def true_masks(photos: Iterable[Path]) -> list[Path]:
    """Return the masks of those `photos` that lie in a data folder beside them.

    Both may lie in sub-folders: `masks/red/a.png` is the mask of `images/red/a.jpg`.
    """
    by_folder: dict[Path, list[Path]] = {}
    for photo in photos:
        by_folder.setdefault(photo.parent, []).append(photo)
    found: list[Path] = []
    beside = cache(_beside)
    for folder, own in ((folder.absolute(), own) for folder, own in by_folder.items()):
        for above in (folder, *folder.parents):
            for masks_folder in beside(above):
                inner = masks_folder / folder.relative_to(above)
                if inner.is_dir():
                    masks = {path.stem: path for path in images_in(inner, MASK_SUFFIXES)}
                    found += [mask for photo in own for mask in masks_of(photo.stem, masks)]
    return list(dict.fromkeys(found))  # two layouts may lead to one folder


def _beside(folder: Path) -> list[Path]:
    """Return the folders of masks of a `folder` of photos; none if it is in no known layout."""
    found: dict[Path, None] = {}
    for layout in LAYOUTS if folder.name in LAST_PARTS else ():
        parts = Path(layout.photos).parts
        if parts and folder.parts[-len(parts) :] == parts:
            found[folder.parents[len(parts) - 1] / layout.masks] = None
    return [masks for masks in found if masks.is_dir()]


def _pairs_of_any_ending(
    folder: Path, layout: Layout, photos: Mapping[str, Path], masks: Mapping[str, Path]
) -> Pairing:
    """Return the pairs where the masks are not all named in the same way."""
    candidates = {photo: masks_of(stem, masks) for stem, photo in photos.items()}
    used = {mask for found in candidates.values() for mask in found}
    return Pairing(
        folder,
        layout,
        pairs={photo: found[0] for photo, found in candidates.items() if len(found) == 1},
        missing=tuple(photo for photo, found in candidates.items() if not found),
        several={photo: tuple(found) for photo, found in candidates.items() if len(found) > 1},
        unused=tuple(mask for mask in masks.values() if mask not in used),
    )


def _shortened(problems: list[str], num: int) -> list[str]:
    """Return at most three of `problems`; the last says how many there are of `num` files."""
    if len(problems) <= 3:
        return problems
    return [*problems[:2], f"and {len(problems) - 3} more of {num}; {problems[-1]}"]

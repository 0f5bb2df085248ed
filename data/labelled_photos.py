"""Data folders with polygons in place of masks: a file for each photo, or one of COCO for all.

A photo without polygons is not labelled yet. It is left out, and so are polygons without a photo.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from data.folders import by_stem, images_in, raise_all
from data.images import PHOTO_SUFFIXES
from data.layouts import LAYOUTS, Layout
from data.polygons import SUFFIXES, FormatName, coco, yolo
from data.polygons.annotation import Entry, stem_of
from data.polygons.formats import FORMATS, found_format
from data.polygons.json_file import files_in

log = logging.getLogger(__name__)

PROBED = 20
"""Most files of one kind that are looked into to find their format; the first may be damaged."""

TITLES: Mapping[FormatName, str] = {
    "coco": "COCO",
    "yolo": "YOLO",
    "labelme": "LabelMe",
    "svg": "SVG",
    "geojson": "GeoJSON",
}


@dataclass(frozen=True)
class LabelledPhotos:
    """Photos of a data folder, and their polygons."""

    layout: Layout
    """Where the photos lie, and the files of polygons."""
    format: FormatName
    place: Path
    """Folder of the files, or the file of COCO."""
    entries: Mapping[Path, Entry]
    """The polygons of each photo that has some."""
    unlabelled: tuple[Path, ...]
    """Photos without."""
    strays: tuple[str, ...]
    """Files, or images of COCO, of which there is no photo."""

    def __str__(self) -> str:
        return f"{TITLES[self.format]} in {self.place}"

    def file_of(self, photo: Path) -> Path:
        """Return the file with the polygons of a photo."""
        return self.place if self.place.is_file() else self.place / self.entries[photo].name

    def warn_of_others(self) -> None:
        """Say in a line each which photos have no polygons, and which polygons no photo."""
        num_photos = len(self.entries) + len(self.unlabelled)
        if self.unlabelled:
            text = "%d of %d photos, such as %s, are left out: they have no %s"
            log.warning(text, len(self.unlabelled), num_photos, self.unlabelled[0], self)
        if self.strays:
            text = "%d labels are left out, since their photos are missing, such as %s"
            log.warning(text, len(self.strays), self.strays[0])


def find_labelled(folder: Path) -> LabelledPhotos | None:
    """Return the photos of a data folder that have polygons; None if there are none.

    Raises:
        InputError: there are several kinds of polygons for equally many photos, a file of COCO is
            damaged, or two photos have one stem.
    """
    damages: list[InputError] = []
    found = [labelled for labelled in _candidates(folder, damages) if labelled.entries]
    if not found:
        raise_all(str(damage) for damage in damages)
        return None
    most = max(len(labelled.entries) for labelled in found)
    best = [labelled for labelled in found if len(labelled.entries) == most]
    if len(best) > 1:
        raise InputError(
            f"{folder} has several kinds of polygons for its photos: {', '.join(map(str, best))}; "
            "move those that are not meant to another place"
        )
    by_stem(images_in(folder / best[0].layout.photos, PHOTO_SUFFIXES))
    return best[0]


def polygons_of_photo(file: Path, photo: Path) -> Entry:
    """Return the polygons of a photo in a file of its own, or in one of COCO.

    Raises:
        InputError: the file is damaged or of another format, or the photo is not in it.
    """
    form = FORMATS[found_format(file)]
    if form.of_files is not None:
        return form.of_files([file])[0]
    found = _with_coco(Layout("", ""), file, {photo.stem: photo}).entries
    if photo not in found:
        raise InputError(f"{file} has no image {photo.stem}")
    return found[photo]


def _candidates(folder: Path, damages: list[InputError]) -> Iterator[LabelledPhotos]:
    """Yield photos with each kind of polygons that may be theirs; add what is damaged."""
    for photo_folder in dict.fromkeys(layout.photos for layout in LAYOUTS):
        if not (folder / photo_folder).is_dir():
            continue
        photos = {photo.stem: photo for photo in images_in(folder / photo_folder, PHOTO_SUFFIXES)}
        beside = [x for x in LAYOUTS if x.photos == photo_folder and x.exists_in(folder)]
        places = dict.fromkeys([photo_folder, *(layout.masks for layout in beside)])
        for place in places if photos else ():
            yield from _with_files(folder, Layout(photo_folder, place), photos)
        for place in dict.fromkeys([*places, ""]) if photos else ():
            for file in _coco_files(folder / place, photos):
                try:
                    yield _with_coco(Layout(photo_folder, place), file, photos)
                except InputError as error:
                    damages.append(error)


def _with_files(
    folder: Path, layout: Layout, photos: Mapping[str, Path]
) -> Iterator[LabelledPhotos]:
    """Yield the photos that have files of their own, for each kind of files."""
    place = folder / layout.masks
    for suffix in SUFFIXES:
        files = files_in(place, suffix)
        own = [file for file in files if file.stem in photos]
        name = next((name for file in own[:PROBED] if (name := _format_of(file))), None)
        of_files = None if name is None else FORMATS[name].of_files
        if name is None or of_files is None:
            continue
        entries = {photos[file.stem]: entry for file, entry in zip(own, of_files(own), strict=True)}
        # Among photos, a file of another name is something else.
        others = files if layout.photos != layout.masks else []
        yield LabelledPhotos(
            layout,
            name,
            place,
            entries,
            tuple(photo for photo in photos.values() if photo not in entries),
            tuple(str(f) for f in others if f.stem not in photos and f.name != yolo.CLASS_LIST),
        )


def _with_coco(layout: Layout, file: Path, photos: Mapping[str, Path]) -> LabelledPhotos:
    """Return the photos that are in a file of COCO.

    Raises:
        InputError: it is damaged, or has two images of one photo.
    """
    entries: dict[Path, Entry] = {}
    strays: list[str] = []
    for entry in coco.entries(file):
        try:
            photo = photos.get(stem_of(entry.name))
        except InputError:
            photo = None
        if photo is None:
            strays.append(entry.where)
        elif photo in entries:
            raise InputError(f"{entries[photo].where} and {entry.where} are both of {photo}")
        else:
            entries[photo] = entry
    unlabelled = tuple(photo for photo in photos.values() if photo not in entries)
    return LabelledPhotos(layout, "coco", file, entries, unlabelled, tuple(strays))


def _coco_files(place: Path, photos: Mapping[str, Path]) -> list[Path]:
    files = [file for file in files_in(place, ".json") if file.stem not in photos]
    return [file for file in files if _format_of(file) == "coco"]


def _format_of(file: Path) -> FormatName | None:
    """Return the format of a file, None if it is of none."""
    try:
        return found_format(file)
    except InputError:
        return None

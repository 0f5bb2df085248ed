"""Samples: photos with their masks, found in data folders, checked and hashed."""

import json
import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from data.arrays import Mask
from data.errors import InputError
from data.folders import by_stem, photos_at, raise_all
from data.geometry import Size
from data.groups import CARVANA_GROUP, groups_of
from data.images import opened, orientation, read_size
from data.masks import read_mask
from data.pairing import checked_pairs
from data.threads import map_threads, named

if TYPE_CHECKING:
    from data.polygons.annotation import Entry

log = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class Sample:
    """A photo with its mask."""

    name: str
    """Stem of the photo."""
    photo: Path
    mask: Path
    """The file with its mask, or with its polygons."""
    group: str
    """Name of the group, such as the car."""
    folder: Path
    """The data folder, as it was given to `find_samples`."""
    object_values: tuple[int | str, ...] = ()
    """Which values of the mask are the object, as the setting `data.object` says; see
    `data.masks.decode_mask`."""
    polygons: "Entry | None" = field(default=None, compare=False, repr=False)
    """What is in place of a mask, if not a picture."""

    def __str__(self) -> str:
        return str(self.photo)


def find_photos(*paths: Path) -> list[Path]:
    """Return the photos at `paths`, those of a folder in the order of their names.

    Args:
        paths: photos, or folders of them.

    Raises:
        InputError: there is nothing at a path, no photo in it, or two photos have one stem.
    """
    photos = [photo for path in paths for photo in photos_at(path)]
    by_stem(photos)
    return photos


def find_samples(
    *folders: Path, group_pattern: str = CARVANA_GROUP, object_values: Sequence[int | str] = ()
) -> list[Sample]:
    """Return the photos of data folders with their masks, in the order of their names.

    Photos whose polygons are missing or cannot be used are left out, with a warning.

    Args:
        folders: each with `train/` and `train_masks/`, or with `images/` and `masks/`, or with
            polygons in place of masks.
        group_pattern: regular expression for a whole stem; its first bracket is the group.
            A photo that it does not match is a group of its own.
        object_values: which values of the masks are the object; see `data.masks.decode_mask`.

    Raises:
        InputError: there is no such folder, a photo or mask has no partner, or two folders have
            photos of one stem; all of them are named. Or polygons have several categories, and
            `object_values` names none.
        SettingsError: `group_pattern` is no regular expression, has no bracket, or takes too long.
    """
    values = tuple(object_values)
    found = [sample for folder in folders for sample in _samples_in(folder, values)]
    groups = groups_of([sample.name for sample in found], group_pattern)
    samples = [replace(s, group=group) for s, group in zip(found, groups, strict=True)]
    by_stem(sample.photo for sample in samples)
    return sorted(samples)


def _samples_in(folder: Path, values: tuple[int | str, ...]) -> list[Sample]:
    """Return the samples of one data folder, without their groups.

    Raises:
        InputError: for the reasons given at `find_samples`.
    """
    pairing = checked_pairs(folder)
    if pairing.labelled is None:
        return [
            Sample(photo.stem, photo, mask, "", folder, values)
            for photo, mask in pairing.pairs.items()
        ]
    from data.polygons.true_mask import usable

    entries = pairing.labelled.entries
    return [
        Sample(photo.stem, photo, pairing.pairs[photo], "", folder, values, entries[photo])
        for photo in usable(entries, folder, values)
    ]


def read_sample_mask(sample: Sample) -> Mask:
    """Return the mask (H, W) bool of a sample.

    Raises:
        InputError: its file cannot be read, or is no mask, or its polygons cannot be drawn.
    """
    if sample.polygons is None:
        return read_mask(sample.mask, object_values=sample.object_values)
    from data.polygons.true_mask import read_true_mask

    return read_true_mask(sample.polygons, read_size(sample.photo), sample.object_values)


def counted(samples: Sequence[Sample]) -> str:
    """Return how many photos there are, of how many groups."""
    return f"{len(samples)} photos of {len({sample.group for sample in samples})} groups"


def check_samples(samples: Sequence[Sample]) -> None:
    """Read the header of every photo, and every mask, before any work with them starts.

    Raises:
        InputError: files are damaged, are no masks, or sizes differ; all of them are named.
    """
    with closing(map_threads(named(_check), samples)) as results:
        raise_all(str(result) for result in results if isinstance(result, InputError))


def check_sizes(samples: Sequence[Sample]) -> None:
    """Read the headers of every photo and mask, without decoding the pixels.

    Raises:
        InputError: headers are damaged, or sizes differ; all are named.
    """
    with closing(map_threads(named(_check_size), samples)) as results:
        raise_all(str(result) for result in results if isinstance(result, InputError))


def check_fit(sample: Sample, photo: Size, mask: Size) -> None:
    """Compare the sizes of a sample's photo and of its mask.

    Raises:
        InputError: they differ.
    """
    if photo == mask:
        return
    hint = ""
    if photo == Size(mask.width, mask.height):
        turned = [path for path in (sample.photo, sample.mask) if _is_turned(path)]
        hint = "; they fit if one of them is turned by 90 degrees"
        if len(turned) == 1:
            hint = (
                f"; they fit if {turned[0]} is not turned as its EXIF data says: take its EXIF "
                "orientation out, or turn the other one likewise"
            )
    elif photo.height * mask.width == photo.width * mask.height:
        hint = "; resize the mask to the size of the photo"
    raise InputError(
        f"{sample.photo} is {photo.height} x {photo.width}, "
        f"its mask {mask.height} x {mask.width}{hint}"
    )


def check_object_shares(samples: Sequence[Sample], object_shares: Sequence[float]) -> None:
    """Say so if all masks of a data folder are empty, or all are full.

    Args:
        samples: photos with their masks.
        object_shares: share of each mask that is object, 0 to 1.

    Raises:
        InputError: there is no object in any mask, and the setting `data.object` says what it is.
    """
    if samples and samples[0].object_values and not any(object_shares):
        chosen = json.dumps(list(samples[0].object_values))
        raise InputError(
            f"data.object = {chosen} finds no object in any of the {len(samples)} masks, such as "
            f"{samples[0].mask}; `foveamask check {samples[0].folder}` says which values they have"
        )
    shares: dict[Path, list[float]] = {}
    for sample, share in zip(samples, object_shares, strict=True):
        shares.setdefault(sample.folder, []).append(share)
    for folder, own in shares.items():
        for value, what in ((0, "empty"), (1, "full")):
            if all(share == value for share in own):
                log.warning(
                    "all %d masks read of %s are %s; look whether they hold what they should",
                    len(own),
                    folder,
                    what,
                )


def _is_turned(path: Path) -> bool:
    try:
        with opened(path) as image:
            return orientation(image) > 4
    except InputError:
        return False


def _check(sample: Sample) -> None:
    check_fit(sample, read_size(sample.photo), Size(*read_sample_mask(sample).shape))


def _check_size(sample: Sample) -> None:
    if sample.polygons is not None:
        return  # they have been drawn, at the size of their photo
    check_fit(sample, read_size(sample.photo), read_size(sample.mask))

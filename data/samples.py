"""Samples: photos with their masks, found in data folders, checked and hashed."""

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from data.arrays import Mask
from data.errors import InputError
from data.files import read_bytes
from data.folders import by_stem, photos_at, raise_all
from data.geometry import Size
from data.groups import CARVANA_GROUP, as_bytes, groups_of
from data.images import opened, orientation, read_size
from data.masks import read_mask
from data.pairing import pairs_in
from data.threads import map_threads, named, raise_first

log = logging.getLogger(__name__)

HASH_LENGTH = 16
"""Digits of `photo_hashes`: 64 bits, which no two of a million photos share by chance."""


@dataclass(frozen=True, order=True)
class Sample:
    """A photo with its mask."""

    name: str
    """Stem of the photo."""
    photo: Path
    mask: Path
    group: str
    """Name of the group, such as the car."""
    folder: Path
    """The data folder, as it was given to `find_samples`."""
    object_values: tuple[int | str, ...] = ()
    """Which values of the mask are the object, as the setting `data.object` says; see
    `data.masks.decode_mask`."""

    def __str__(self) -> str:
        return str(self.photo)


@dataclass(frozen=True)
class Hashes:
    """Hashes of the files of a sample."""

    sample: str
    """Of its name, its group, its photo and its mask."""
    photo: str
    """See `photo_hashes`."""


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

    Args:
        folders: each with `train/` and `train_masks/`, or with `images/` and `masks/`.
        group_pattern: regular expression for a whole stem; its first bracket is the group.
            A photo that it does not match is a group of its own.
        object_values: which values of the masks are the object; see `data.masks.decode_mask`.

    Raises:
        InputError: there is no such folder, a photo or mask has no partner, or two folders have
            photos of one stem; all of them are named.
        SettingsError: `group_pattern` is no regular expression, has no bracket, or takes too long.
    """
    found = [(folder, *pair) for folder in folders for pair in pairs_in(folder).items()]
    groups = groups_of([photo.stem for _, photo, _ in found], group_pattern)
    samples = [
        Sample(photo.stem, photo, mask, group, folder, tuple(object_values))
        for (folder, photo, mask), group in zip(found, groups, strict=True)
    ]
    by_stem(sample.photo for sample in samples)
    return sorted(samples)


def read_sample_mask(sample: Sample) -> Mask:
    """Return the mask (H, W) bool of a sample.

    Raises:
        InputError: its file cannot be read, or is no mask.
    """
    return read_mask(sample.mask, object_values=sample.object_values)


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


def fingerprint(samples: Sequence[Sample]) -> str:
    """Return a hash of the names, groups and files of `samples`.

    Raises:
        InputError: a file cannot be read.
    """
    return combined(digests(samples))


def digests(samples: Sequence[Sample]) -> list[str]:
    """Return a hash of the name, group and files of each sample.

    Raises:
        InputError: a file cannot be read.
    """
    return [hashes.sample for hashes in hashes_of(samples)]


def hashes_of(samples: Sequence[Sample]) -> list[Hashes]:
    """Return both hashes of each sample; its files are read once.

    Raises:
        InputError: a file cannot be read.
    """
    with closing(raise_first(map_threads(_hashes, samples))) as results:
        return list(results)


def photo_hashes(samples: Sequence[Sample]) -> list[str]:
    """Return a hash of each photo's file, whatever its name: `HASH_LENGTH` hexadecimal digits.

    Raises:
        InputError: a file cannot be read.
    """
    with closing(raise_first(map_threads(_photo_hash, samples))) as results:
        return list(results)


def combined(hashes: Iterable[str]) -> str:
    """Return the `fingerprint` of samples from the `digests` of them."""
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _hashes(sample: Sample) -> Hashes:
    photo, mask = (hashlib.sha256(read_bytes(path)) for path in (sample.photo, sample.mask))
    name = as_bytes(f"{sample.name}/{sample.group}/")
    whole = hashlib.sha256(name + photo.digest() + mask.digest())
    return Hashes(whole.hexdigest(), photo.hexdigest()[:HASH_LENGTH])


def _photo_hash(sample: Sample) -> str:
    return hashlib.sha256(read_bytes(sample.photo)).hexdigest()[:HASH_LENGTH]


def _is_turned(path: Path) -> bool:
    try:
        with opened(path) as image:
            return orientation(image) > 4
    except InputError:
        return False


def _check(sample: Sample) -> None:
    check_fit(sample, read_size(sample.photo), Size(*read_sample_mask(sample).shape))


def _check_size(sample: Sample) -> None:
    check_fit(sample, read_size(sample.photo), read_size(sample.mask))

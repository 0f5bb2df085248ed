"""Samples: photos with their masks, found in data folders, checked and hashed."""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from data.files import read_bytes
from data.folders import by_stem, photos_at, raise_all
from data.geometry import Size
from data.groups import CARVANA_GROUP, as_bytes, group_of, group_regex
from data.images import read_size
from data.masks import read_mask
from data.pairing import pairs_in
from data.threads import map_threads, raise_first


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


def find_samples(*folders: Path, group_pattern: str = CARVANA_GROUP) -> list[Sample]:
    """Return the photos of data folders with their masks, in the order of their names.

    Args:
        folders: each with `train/` and `train_masks/`, or with `images/` and `masks/`.
        group_pattern: regular expression for a whole stem; its first bracket is the group.
            A photo that it does not match is a group of its own.

    Raises:
        InputError: there is no such folder, a photo or mask has no partner, or two folders have
            photos of one stem; all of them are named.
        SettingsError: `group_pattern` is no regular expression, or has no bracket.
    """
    pattern = group_regex(group_pattern)
    samples = [
        Sample(photo.stem, photo, mask, group_of(photo.stem, pattern), folder)
        for folder in folders
        for photo, mask in pairs_in(folder).items()
    ]
    by_stem(sample.photo for sample in samples)
    return sorted(samples)


def counted(samples: Sequence[Sample]) -> str:
    """Return how many photos there are, of how many groups."""
    return f"{len(samples)} photos of {len({sample.group for sample in samples})} groups"


def check_samples(samples: Sequence[Sample]) -> None:
    """Read the header of every photo, and every mask, before any work with them starts.

    Raises:
        InputError: files are damaged, are no masks, or sizes differ; all of them are named.
    """
    with closing(map_threads(_check, samples)) as results:
        raise_all(str(result) for result in results if isinstance(result, InputError))


def check_sizes(samples: Sequence[Sample]) -> None:
    """Read the headers of every photo and mask, without decoding the pixels.

    Raises:
        InputError: headers are damaged, or sizes differ; all are named.
    """
    with closing(map_threads(_check_size, samples)) as results:
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
        hint = "; they fit if one of them is turned by 90 degrees (see its EXIF orientation)"
    elif photo.height * mask.width == photo.width * mask.height:
        hint = "; resize the mask to the size of the photo"
    raise InputError(
        f"{sample.photo} is {photo.height} x {photo.width}, "
        f"its mask {mask.height} x {mask.width}{hint}"
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
    with closing(raise_first(map_threads(_digest, samples))) as results:
        return list(results)


def combined(hashes: Iterable[str]) -> str:
    """Return the `fingerprint` of samples from the `digests` of them."""
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _digest(sample: Sample) -> str:
    digest = hashlib.sha256(as_bytes(f"{sample.name}/{sample.group}/"))
    for path in (sample.photo, sample.mask):
        digest.update(hashlib.sha256(read_bytes(path)).digest())
    return digest.hexdigest()


def _check(sample: Sample) -> None:
    check_fit(sample, read_size(sample.photo), Size(*read_mask(sample.mask).shape))


def _check_size(sample: Sample) -> None:
    check_fit(sample, read_size(sample.photo), read_size(sample.mask))

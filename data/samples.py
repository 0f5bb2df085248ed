"""Finding photos and their masks, and splitting them by group into training and validation set.

All photos of a group, such as one car, are in the same set. A hash of the group's name decides
which set that is, so a group never moves when photos are added.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError, SettingsError
from data.files import read_bytes
from data.geometry import Size
from data.images import MASK_SUFFIXES, PHOTO_SUFFIXES, read_size
from data.masks import read_mask
from data.threads import map_threads, raise_first

CARVANA_GROUP = r"([0-9a-f]{12})_\d{2}"
"""`<car>_<angle>` of the Carvana photos; the first bracket is the group."""

LAYOUTS = (("train", "train_masks", "_mask"), ("images", "masks", ""))
"""Folder of photos, folder of masks, and the text that the stem of a mask adds to its photo's."""


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


def find_photos(*paths: Path) -> list[Path]:
    """Return the photos at `paths`, those of a folder in the order of their names.

    Args:
        paths: photos, or folders of them.

    Raises:
        InputError: there is nothing at a path, no photo in it, or two photos have one stem.
    """
    photos = [photo for path in paths for photo in _photos_at(path)]
    by_stem(photos)
    return photos


def _photos_at(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"no such photo or folder: {path}")
    photos = images_in(path, PHOTO_SUFFIXES)
    if not photos:
        raise InputError(f"no photos in {path} (looked for {', '.join(PHOTO_SUFFIXES)})")
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
    pattern = _group_regex(group_pattern)
    samples = [sample for folder in folders for sample in _samples_in(folder, pattern)]
    by_stem(sample.photo for sample in samples)
    return sorted(samples)


def _samples_in(folder: Path, pattern: re.Pattern[str]) -> list[Sample]:
    photo_dir, mask_dir, ending = _layout(folder)
    photos = by_stem(_photos_at(photo_dir))
    masks = by_stem(images_in(mask_dir, MASK_SUFFIXES))
    problems = [
        f"{photo} has no mask" for stem, photo in photos.items() if stem + ending not in masks
    ]
    wanted = {stem + ending for stem in photos}
    problems += [f"{mask} has no photo" for stem, mask in masks.items() if stem not in wanted]
    _raise_all(problems)
    return [
        Sample(stem, photo, masks[stem + ending], group_of(stem, pattern), folder)
        for stem, photo in photos.items()
    ]


def true_masks(photos: Iterable[Path]) -> list[Path]:
    """Return the masks of those `photos` that lie in a data folder beside them."""
    by_photo_dir = {photo_dir: (mask_dir, ending) for photo_dir, mask_dir, ending in LAYOUTS}
    masks: list[Path] = []
    for photo in photos:
        folder = photo.absolute().parent
        if folder.name in by_photo_dir:
            mask_dir, ending = by_photo_dir[folder.name]
            names = [photo.stem + ending + suffix for suffix in MASK_SUFFIXES]
            masks += filter(Path.is_file, (folder.with_name(mask_dir) / name for name in names))
    return masks


def check_samples(samples: Sequence[Sample]) -> None:
    """Read the header of every photo, and every mask, before any work with them starts.

    Raises:
        InputError: files are damaged, are no masks, or sizes differ; all of them are named.
    """
    with closing(map_threads(_check, samples)) as results:
        _raise_all(str(result) for result in results if isinstance(result, InputError))


def check_sizes(samples: Sequence[Sample]) -> None:
    """Read the headers of every photo and mask, without decoding the pixels.

    Raises:
        InputError: headers are damaged, or sizes differ; all are named.
    """
    with closing(map_threads(_check_size, samples)) as results:
        _raise_all(str(result) for result in results if isinstance(result, InputError))


def check_fit(sample: Sample, photo: Size, mask: Size) -> None:
    """Compare the sizes of a sample's photo and of its mask.

    Raises:
        InputError: they differ.
    """
    if photo != mask:
        raise InputError(
            f"{sample.photo} is {photo.height} x {photo.width}, "
            f"its mask {mask.height} x {mask.width}"
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


def by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    """Return `paths` by their stems, which are used to name results.

    Raises:
        InputError: two have one stem; all such pairs are named.
    """
    result: dict[str, Path] = {}
    problems = []
    for path in paths:
        if path.stem in result:
            problems.append(f"{result[path.stem]} and {path} have the same stem")
        result[path.stem] = path
    _raise_all(problems)
    return result


def group_of(stem: str, pattern: re.Pattern[str]) -> str:
    """Return the group that `pattern` finds in `stem`, or `stem` itself."""
    match = pattern.fullmatch(stem)
    return (match.group(1) if match and pattern.groups else None) or stem


def in_validation(group: str, *, share: float, start: float = 0.0, seed: int = 0) -> bool:
    """Whether `group` is in the validation set, which has about `share` of all groups.

    A group is in it if a hash of its name, from 0 to 1, lies in [start, start + share). So with
    adjacent intervals of equal shares, as in a cross-validation, each group is in it once.
    """
    return start <= _unit_hash(group, seed) < start + share


def fold_of(group: str, num_folds: int, *, seed: int = 0) -> int:
    """Return the fold, 0 to `num_folds` - 1, that `group` belongs to.

    Folds use another hash than the validation set, so the training groups are divided among them
    evenly.
    """
    return int(_unit_hash(group, f"{seed}:fold") * num_folds)


def split(
    samples: Sequence[Sample], *, share: float, start: float = 0.0, seed: int = 0
) -> tuple[list[Sample], list[Sample]]:
    """Return the training samples and the validation samples, by group; see `in_validation`.

    Raises:
        InputError: one of the two sets is empty.
    """
    validation = {
        group: in_validation(group, share=share, start=start, seed=seed)
        for group in {sample.group for sample in samples}
    }
    train_samples = [sample for sample in samples if not validation[sample.group]]
    val_samples = [sample for sample in samples if validation[sample.group]]
    if not train_samples or not val_samples:
        name, other = ("validation", "larger") if train_samples else ("training", "smaller")
        hint = f"use a {other} data.val_share, or another data.split_seed"
        if len(validation) < 2:
            hint = "there must be two groups at least (data.group)"
        raise InputError(
            f"the split leaves no photo for {name}: {len(validation)} groups, "
            f"data.val_share = {share}, data.split_seed = {seed}; {hint}"
        )
    return train_samples, val_samples


def _group_regex(text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise SettingsError(
            f"data.group is {text!r}, which is no regular expression: {error}"
        ) from error
    if not pattern.groups:
        # Without it each photo would be a group of its own, and photos of one car in both sets.
        raise SettingsError(
            f"data.group is {text!r}; put the part that names the group in brackets, "
            f"as in {CARVANA_GROUP!r}"
        )
    return pattern


def _unit_hash(group: str, seed: int | str) -> float:
    digest = hashlib.sha256(_bytes(f"{seed}:{group}")).digest()
    return int.from_bytes(digest[:6]) / 2**48


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # names of files need not be valid text


def _digest(sample: Sample) -> str:
    digest = hashlib.sha256(_bytes(f"{sample.name}/{sample.group}/"))
    for path in (sample.photo, sample.mask):
        digest.update(hashlib.sha256(read_bytes(path)).digest())
    return digest.hexdigest()


def _layout(folder: Path) -> tuple[Path, Path, str]:
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
    for photo_dir, mask_dir, ending in LAYOUTS:
        if (folder / photo_dir).is_dir() and (folder / mask_dir).is_dir():
            return folder / photo_dir, folder / mask_dir, ending
    known = " or ".join(f"{photo_dir}/ and {mask_dir}/" for photo_dir, mask_dir, _ in LAYOUTS)
    raise InputError(f"{folder} has neither of the layouts known: {known}")


def images_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the images in `folder` with one of `suffixes`, in lower or upper case, by name."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )


def _check(sample: Sample) -> None:
    check_fit(sample, read_size(sample.photo), Size(*read_mask(sample.mask).shape))


def _check_size(sample: Sample) -> None:
    check_fit(sample, read_size(sample.photo), read_size(sample.mask))


def _raise_all(problems: Iterable[str]) -> None:
    text = "\n".join(problems)
    if text:
        raise InputError(text)

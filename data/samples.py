"""Finding photos and their masks, and splitting them by group.

A group is what must not stand on both sides of a split: the photos of one car. Which
side a group is on follows from a hash of its name alone, so that it never moves when
photos are added.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError, SettingsError
from data.geometry import Size
from data.images import MASK_SUFFIXES, PHOTO_SUFFIXES, read_size
from data.masks import read_mask
from data.threads import map_threads, raise_first

CARVANA_GROUP = r"([0-9a-f]{12})_\d{2}"
"""`<car>_<angle>` of the Carvana photos; the first bracket is the group."""

SEEDS_TO_TRY = 1000
"""Seeds looked through for one that splits a small data set."""

LAYOUTS = (("train", "train_masks", "_mask"), ("images", "masks", ""))
"""Folder of the photos, folder of the masks, what a mask's stem has besides the photo's."""


@dataclass(frozen=True, order=True)
class Sample:
    """A photo with its mask, and the group it belongs to."""

    name: str
    photo: Path
    mask: Path
    group: str


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
    found = [sample for folder in folders for sample in _samples_in(folder, pattern)]
    by_stem(sample.photo for sample in found)
    return sorted(found)


def _samples_in(data: Path, pattern: re.Pattern[str]) -> list[Sample]:
    photo_dir, mask_dir, ending = _layout(data)
    photos = by_stem(_photos_at(photo_dir))
    masks = by_stem(images_in(mask_dir, MASK_SUFFIXES))
    problems = [
        f"{photo} has no mask" for stem, photo in photos.items() if stem + ending not in masks
    ]
    wanted = {stem + ending for stem in photos}
    problems += [f"{mask} has no photo" for stem, mask in masks.items() if stem not in wanted]
    _raise_all(problems)
    return [
        Sample(stem, photo, masks[stem + ending], group_of(stem, pattern))
        for stem, photo in photos.items()
    ]


def true_masks(photos: Iterable[Path]) -> list[Path]:
    """Return the masks of those `photos` that lie in a data folder beside them."""
    places = {photos_: (masks, ending) for photos_, masks, ending in LAYOUTS}
    found: list[Path] = []
    for photo in photos:
        folder = photo.absolute().parent
        if folder.name in places:
            masks, ending = places[folder.name]
            names = [photo.stem + ending + suffix for suffix in MASK_SUFFIXES]
            found += filter(Path.is_file, (folder.with_name(masks) / name for name in names))
    return found


def check_samples(samples: Sequence[Sample]) -> None:
    """Look at every photo's header and every mask before any work is done with them.

    Raises:
        InputError: files are damaged, or sizes differ, or a mask is none; all are named.
    """
    with closing(map_threads(_check, samples)) as results:
        _raise_all(str(result) for result in results if isinstance(result, InputError))


def check_fit(sample: Sample, photo: Size, mask: Size) -> None:
    """Compare the sizes found of a sample's photo and mask.

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
    """Return `paths` by their stems, under which results are written.

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
    """Whether `group` is held out when about `share` of all groups are.

    They are those of which a hash, from 0 to 1, lies in [start, start + share): equal shares
    side by side hold out every group once.
    """
    return start <= _unit_hash(group, seed) < start + share


def fold_of(group: str, num_folds: int, *, seed: int = 0) -> int:
    """Return the fold, 0 to `num_folds` - 1, that `group` belongs to.

    Folds do not depend on which groups are in validation, so that they part the others evenly.
    """
    return int(_unit_hash(group, f"{seed}:fold") * num_folds)


def split(
    samples: Sequence[Sample], *, share: float, start: float = 0.0, seed: int = 0
) -> tuple[list[Sample], list[Sample]]:
    """Return the samples to train on and those held out, by group; see `in_validation`.

    Raises:
        InputError: one of the two sides is empty.
    """
    chosen = {
        group: in_validation(group, share=share, start=start, seed=seed)
        for group in {sample.group for sample in samples}
    }
    held_out = [sample for sample in samples if chosen[sample.group]]
    kept = [sample for sample in samples if not chosen[sample.group]]
    if not kept or not held_out:
        side = "validation" if kept else "training"
        num_groups = len({s.group for s in samples})
        raise InputError(
            f"the split leaves no photo for {side}: {num_groups} groups, "
            f"data.val_share = {share}, data.split_seed = {seed}; "
            f"{_another_seed(samples, share, start)}"
        )
    return kept, held_out


def _another_seed(samples: Sequence[Sample], share: float, start: float) -> str:
    """Return what to set so that both sides of the split have photos."""
    groups = {sample.group for sample in samples}
    for seed in range(SEEDS_TO_TRY):
        sides = {in_validation(g, share=share, start=start, seed=seed) for g in groups}
        if len(sides) == 2:
            return f"data.split_seed = {seed} would do"
    return "there must be two groups at least, and data.val_share near one half for so few"


def _group_regex(text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise SettingsError(
            f"data.group is {text!r}, which is no regular expression: {error}"
        ) from error
    if not pattern.groups:
        # Without it every photo would be a group of its own, and cars on both sides of a split.
        raise SettingsError(
            f"data.group is {text!r}; put the part that names the group in brackets, "
            f"as in {CARVANA_GROUP!r}"
        )
    return pattern


def _unit_hash(group: str, seed: int | str) -> float:
    digest = hashlib.sha256(_bytes(f"{seed}:{group}")).digest()
    return int.from_bytes(digest[:6]) / 2**48


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # names on disk need not be text


def _digest(sample: Sample) -> str:
    digest = hashlib.sha256(_bytes(f"{sample.name}/{sample.group}/"))
    for path in (sample.photo, sample.mask):
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def _layout(data: Path) -> tuple[Path, Path, str]:
    if not data.is_dir():
        raise InputError(f"no such folder: {data}")
    for photos, masks, ending in LAYOUTS:
        if (data / photos).is_dir() and (data / masks).is_dir():
            return data / photos, data / masks, ending
    known = " or ".join(f"{photos}/ and {masks}/" for photos, masks, _ in LAYOUTS)
    raise InputError(f"{data} has neither of the layouts known: {known}")


def images_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the pictures in `folder` with one of `suffixes`, in small letters or large ones."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )


def _check(sample: Sample) -> None:
    check_fit(sample, read_size(sample.photo), Size(*read_mask(sample.mask).shape))


def _raise_all(problems: Iterable[str]) -> None:
    found = list(problems)
    if found:
        raise InputError("\n".join(found))

"""Findings about names: photos without a mask, masks without a photo, names that come twice."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from data.errors import InputError
from data.folders import counted, visible
from data.images import MASK_SUFFIXES, PHOTO_SUFFIXES
from data.layouts import MASK_ENDINGS, SAME_FOLDER
from data.pairing import Pairing, find_pairs
from pipeline.checking.findings import Finding
from pipeline.checking.phrases import named

MOST_FOLDERS = 6


def find_all_pairs(folders: Sequence[Path]) -> tuple[list[Pairing], list[Finding]]:
    """Return what is found in each data folder, and a finding for each one that has no layout."""
    pairings, findings = [], []
    for folder in folders:
        try:
            pairing = find_pairs(folder)
        except InputError as error:
            findings.append(Finding("unknown-layout", "fatal", f"{error}{_contents(folder)}"))
        else:
            pairings.append(pairing)
    return pairings, findings


def pair_findings(pairing: Pairing) -> Iterator[Finding]:
    """Yield what is wrong with the names in a data folder, and what is left out of it."""
    layout = pairing.layout
    masks = pairing.folder / layout.masks
    num = len(pairing.pairs) + len(pairing.missing) + len(pairing.several)
    if pairing.missing:
        yield Finding("missing-mask", "fatal", _missing(pairing, num, masks), pairing.missing)
    if pairing.several:
        first, both = next(iter(pairing.several.items()))
        yield Finding(
            "several-masks",
            "fatal",
            f"{counted(len(pairing.several), 'photo')} in {pairing.folder} with more than one mask:"
            f" {first.name} has {' and '.join(mask.name for mask in both)}. Keep one of them, and "
            "move the others to another folder.",
            tuple(pairing.several),
        )
    if pairing.unused:
        yield Finding(
            "missing-photo",
            "fatal",
            f"{counted(len(pairing.unused), 'mask')} in {masks} without a photo: "
            f"{named(pairing.unused)}. Looked in {pairing.folder / layout.photos} for photos of "
            f"the same name, with the endings {', '.join(PHOTO_SUFFIXES)}. Add the photos, or move "
            "these masks to another folder.",
            pairing.unused,
        )
    if pairing.left_out:
        yield Finding(
            "left-out",
            "suspect",
            f"Left out of {pairing.folder / layout.photos}: {pairing.left_out}.",
        )


def same_name_findings(pairings: Iterable[Pairing]) -> Iterator[Finding]:
    """Yield the photos of several data folders that have the same name."""
    by_stem: dict[str, list[Path]] = {}
    for pairing in pairings:
        for photo in pairing.pairs:
            by_stem.setdefault(photo.stem, []).append(photo)
    twice = [paths for paths in by_stem.values() if len(paths) > 1]
    if twice:
        yield Finding(
            "same-name",
            "fatal",
            f"{counted(len(twice), 'name')} in more than one data folder, such as "
            f"{' and '.join(map(str, twice[0]))}. Rename the photos of one folder, with their "
            "masks.",
            tuple(photo for paths in twice for photo in paths),
        )


def _missing(pairing: Pairing, num: int, masks: Path) -> str:
    stem = pairing.missing[0].stem
    endings = [ending for ending in MASK_ENDINGS if ending or pairing.layout != SAME_FOLDER]
    looked_for = ", ".join(f"{stem}{ending}" for ending in endings)
    near = _same_but_for_capitals(pairing)
    hint = f" {near[0].name} and {near[1].name} differ in capital letters only." if near else ""
    others = Counter(
        suffix
        for entry in visible(masks)
        if not entry.is_dir()
        and (suffix := Path(entry.name).suffix.lower()) not in (*MASK_SUFFIXES, "")
    )
    unread = [counted(count, f"{suffix} file") for suffix, count in sorted(others.items())]
    found = f" There are also {', '.join(unread)}, which are not read." if unread else ""
    return (
        f"{len(pairing.missing)} of {counted(num, 'photo')} in {pairing.folder} without a mask: "
        f"{named(pairing.missing)}. Looked in {masks} for {looked_for}, each with the endings "
        f"{', '.join(MASK_SUFFIXES)}.{hint}{found} Add the masks, or move these photos to another "
        "folder."
    )


def _same_but_for_capitals(pairing: Pairing) -> tuple[Path, Path] | None:
    """Return a photo without a mask and a mask without a photo that differ in capitals only."""
    by_name: Mapping[str, Path] = {mask.stem.casefold(): mask for mask in pairing.unused}
    for photo in pairing.missing:
        for ending in MASK_ENDINGS:
            mask = by_name.get(photo.stem.casefold() + ending)
            if mask is not None:
                return photo, mask
    return None


def _contents(folder: Path) -> str:
    """Return what is in a folder that has no known layout."""
    if not folder.is_dir():
        return ""
    parts = []
    for entry in sorted(visible(folder), key=lambda entry: entry.name):
        if entry.is_dir():
            names = [inner.name.lower() for inner in visible(Path(entry.path))]
            num = sum(name.endswith(PHOTO_SUFFIXES) for name in names)
            parts.append(f"{entry.name}/ with {counted(num, 'picture')}")
    if not parts:
        return ". It has no folders in it"
    shown = ", ".join(parts[:MOST_FOLDERS])
    more = f" and {len(parts) - MOST_FOLDERS} more folders" if len(parts) > MOST_FOLDERS else ""
    return f". There are {shown}{more}"

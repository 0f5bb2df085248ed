"""Fewer photos of each group, from angles that differ between groups."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from data.errors import InputError
from data.samples import Sample, find_samples


def linked_subset(data: Path, folder: Path, every: int, group_pattern: str) -> Path:
    """Make `folder` a data set of links to one in `every` photos of each group of `data`.

    Groups begin with different photos, so that all angles occur.

    Raises:
        InputError: `folder` has other photos already.
    """
    links = {
        folder / path.relative_to(data): path.resolve()
        for sample in one_in(every, find_samples(data, group_pattern=group_pattern))
        for path in (sample.photo, sample.mask)
    }
    if any(path not in links for path in folder.glob("*/*")):
        raise InputError(f"{folder} has other photos, of another --every; name another folder")
    for link, path in links.items():
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.unlink(missing_ok=True)  # a link whose photo has moved
            link.symlink_to(path)
    return folder


def one_in(every: int, samples: Sequence[Sample]) -> list[Sample]:
    """Return one in `every` samples of each group.

    Groups begin with different samples, so that all angles occur: some are harder than others.
    """
    return [
        sample for i, group in enumerate(by_group(samples)) for sample in group[i % every :: every]
    ]


def evenly_spaced(samples: Sequence[Sample], num: int | None) -> list[Sample]:
    """Return `num` samples of each group, evenly spaced, or all where it has no more than that.

    Groups begin with different samples, so that all angles occur.
    """
    if num is None:
        return list(samples)
    return [
        group[index]
        for i, group in enumerate(by_group(samples))
        for index in sorted({(i + k * len(group) // num) % len(group) for k in range(num)})
    ]


def by_group(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Return `samples` by group, groups in the order of their first sample."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.group].append(sample)
    return list(groups.values())

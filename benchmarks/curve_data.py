"""Photos that are drawn from a data set: some to train on, others of other groups to test."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.groups import position_of
from data.masks import write_mask
from data.samples import Sample, find_samples, read_sample_mask
from pipeline.config import Config
from pipeline.toml_settings import overlaid

MOST_TESTED = 40


@dataclass(frozen=True)
class Draw:
    """Photos of one kind."""

    kind: str
    size: int
    """Photos to train on."""
    number: int
    """Of the draw."""
    train: tuple[Sample, ...]
    pool: tuple[Sample, ...]
    """Others to train on, that could be asked for."""
    test: tuple[Sample, ...]
    """Of groups that none of the others are of."""
    group: str
    """The setting `data.group`."""


def draw_photos(
    kind: str, data: Path, work: Path, size: int, number: int, given: Mapping[str, Any]
) -> Draw | None:
    """Return a draw of `size` photos, with copies of them in `work`; None if there are too few.

    The photos to test are the same for all sizes of a draw.

    Args:
        kind: name of the kind of photos.
        data: photos with masks.
        work: folder for the copies. Masks become black and white.
        size: number of photos to train on.
        number: another number draws other photos.
        given: settings of the data.

    Raises:
        InputError: a photo or mask is damaged.
    """
    settings = overlaid(Config(), given).data
    samples = find_samples(data, group_pattern=settings.group, object_values=settings.object)
    samples = [sample for sample in samples if sample.name not in settings.exclude]
    test, pool = divided(samples, number)
    if size > len(pool):
        return None
    copies = [copied(sample, work / "photos" / kind) for sample in pool]
    return Draw(
        kind=kind,
        size=size,
        number=number,
        train=tuple(copies[:size]),
        pool=tuple(copies[size:]),
        test=tuple(test),
        group=settings.group,
    )


def divided(samples: Sequence[Sample], number: int) -> tuple[list[Sample], list[Sample]]:
    """Return the photos to test, a third and `MOST_TESTED` at most, and all others, both shuffled.

    No group is in both.
    """
    ordered = sorted(samples, key=lambda sample: position_of(sample.name, f"{number}:draw"))
    wanted = min(MOST_TESTED, len(samples) // 3)
    groups: set[str] = set()
    tested = 0
    for sample in ordered:
        if sample.group not in groups and tested < wanted:
            groups.add(sample.group)
            tested += sum(other.group == sample.group for other in samples)
    test = [sample for sample in ordered if sample.group in groups]
    return test[:wanted], [sample for sample in ordered if sample.group not in groups]


def copied(sample: Sample, folder: Path) -> Sample:
    """Return the sample as a link to its photo and a mask in black and white in `folder`."""
    photo = folder / "images" / sample.photo.name
    mask = folder / "masks" / f"{sample.name}.png"
    for path in (photo, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not photo.exists():
        photo.symlink_to(sample.photo.resolve())
    if not mask.exists():
        write_mask(mask, read_sample_mask(sample))
    return Sample(sample.name, photo, mask, sample.group, folder)


def as_folder(samples: Sequence[Sample], folder: Path) -> Path:
    """Return a data folder of `samples` alone."""
    shutil.rmtree(folder, ignore_errors=True)
    for sample in samples:
        for name, path in (("images", sample.photo), ("masks", sample.mask)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / path.name).symlink_to(path.resolve())
    return folder

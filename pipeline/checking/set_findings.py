"""Findings about a data set as a whole: groups, the split, copies on both sides of it."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from data.errors import SettingsError
from data.folders import counted
from data.groups import CARVANA_GROUP, unmatched
from data.samples import Sample
from pipeline.checking.examination import Examined
from pipeline.checking.findings import Finding
from pipeline.checking.name_groups import propose_groups
from pipeline.checking.near_copies import NearCopy, near_copies
from pipeline.checking.phrases import how_many_are
from pipeline.config import DataConfig

MOST_SHOWN = 3
"""Most pairs of copies that a message names."""


def pattern_findings(stems: Sequence[str], config: DataConfig) -> Iterator[Finding]:
    """Yield what is wrong with `data.group` and `data.exclude` for photos of these names."""
    try:
        others = unmatched(config.group, stems)
    except SettingsError as error:
        yield Finding("group-pattern", "fatal", f"{error}.")
        return
    if others and config.group != CARVANA_GROUP and len(others) == len(stems):
        yield Finding(
            "group-pattern",
            "fatal",
            f"data.group = {config.group!r} fits none of the {len(stems)} photos, such as "
            f"{others[0]!r}. It must fit the whole name of a photo without its ending. Mend it, or "
            "leave it out if each photo is a group of its own.",
        )
    elif others and len(others) < len(stems):
        yield Finding(
            "group-pattern",
            "suspect",
            f"data.group = {config.group!r} fits {len(stems) - len(others)} of {len(stems)} photos;"
            f" each other one, such as {others[0]!r}, is a group of its own.",
        )
    unknown = sorted(set(config.exclude).difference(stems))
    if unknown:
        yield Finding(
            "exclude-unknown",
            "suspect",
            f"data.exclude names photos that are not there: {', '.join(unknown)}.",
        )


def group_findings(examined: Sequence[Examined]) -> Iterator[Finding]:
    """Yield which photos belong together, or seem to by their names."""
    looks = [(e, e.look) for e in examined if e.look is not None]
    groups = {e.sample.group for e in examined}
    if len(groups) < len(examined):
        yield Finding(
            "groups",
            "note",
            f"{counted(len(examined), 'photo')} of {counted(len(groups), 'group')}; photos of one "
            "group are either all trained on or all held out.",
        )
        return
    if not looks:
        return
    stems = [e.sample.name for e, _ in looks]
    proposal = propose_groups(stems, np.stack([look.features for _, look in looks]))
    if proposal:
        example = ", ".join(proposal.example[:4])
        yield Finding(
            "propose-group",
            "suspect",
            f"By their names, {proposal.num_photos} photos are of {proposal.num_groups} groups, "
            f"such as {example}, and photos of one group look alike. If they show the same object "
            "or were taken one after the other, keep them together; scores would be too good "
            f"otherwise. Write into a settings file\n    [data]\n    group = '{proposal.pattern}'",
        )


def copy_findings(examined: Sequence[Examined], held_out: Collection[str]) -> Iterator[Finding]:
    """Yield photos of different groups that are nearly the same, and copies labelled differently.

    Args:
        examined: the photos.
        held_out: names of those that would be held out.
    """
    looks = [(e, e.look) for e in examined if e.look is not None]
    pairs = near_copies([look for _, look in looks], [e.sample.group for e, _ in looks])
    photos = [e.sample for e, _ in looks]
    across = [p for p in pairs if _sides(p, photos, held_out) > 1]
    if pairs:
        copies = sorted({index for pair in pairs for index in (pair.first, pair.second)})
        shown = [
            f"{photos[pair.first].photo.name} and {photos[pair.second].photo.name}"
            + (", mirrored" if pair.is_mirrored else "")
            for pair in (across or pairs)[:MOST_SHOWN]
        ]
        divided = (
            f" {counted(len(across), 'pair')} would be divided between photos to train on and "
            "photos to hold out, so that scores would be too good."
        )
        yield Finding(
            "near-copies",
            "suspect" if across else "note",
            f"{how_many_are(len(copies), len(photos))} nearly the "
            f"same as another one: "
            f"{'; '.join(shown)}.{divided if across else ''} Keep one of each, or give them names "
            "by which data.group puts them into one group.",
            tuple(photos[i].photo for i in copies),
        )
    yield from _copies_labelled_differently(examined)


def _sides(pair: NearCopy, photos: Sequence[Sample], held_out: Collection[str]) -> int:
    """Return in how many of training and validation set two photos are."""
    return len({photos[index].name in held_out for index in (pair.first, pair.second)})


def _copies_labelled_differently(examined: Sequence[Examined]) -> Iterator[Finding]:
    by_photo: dict[str, list[Examined]] = {}
    for e in examined:
        if e.photo_digest and e.mask_digest:
            by_photo.setdefault(e.photo_digest, []).append(e)
    found = [same for same in by_photo.values() if len({e.mask_digest for e in same}) > 1]
    if found:
        names = "; ".join(
            " and ".join(e.sample.mask.name for e in same) for same in found[:MOST_SHOWN]
        )
        yield Finding(
            "copies-disagree",
            "suspect",
            f"Copies of {counted(len(found), 'photo')} have different masks: {names}. Keep the "
            "better mask of each.",
            tuple(e.sample.photo for same in found for e in same),
        )

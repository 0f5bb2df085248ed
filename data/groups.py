"""Groups of photos, such as those of one car, and splitting them into training and validation set.

A hash of a group's name decides which set its photos are in, so a group never moves when photos
are added.
"""

import hashlib
import logging
import re
from collections.abc import Sequence
from time import monotonic
from typing import Protocol, TypeVar

import regex

from data.errors import InputError, SettingsError

log = logging.getLogger(__name__)

CARVANA_GROUP = r"([0-9a-f]{12})_\d{2}"
"""`<car>_<angle>` of the Carvana photos; the first bracket is the group."""


MAX_PATTERN = 1000
"""Most characters of a pattern of groups."""

MAX_SECONDS = 2.0
"""Time that a pattern may take for all photos, about; 100,000 photos take 0.7 seconds."""


class Grouped(Protocol):
    """Something that belongs to a group."""

    @property
    def name(self) -> str:
        """Its name, unique."""

    @property
    def group(self) -> str:
        """Name of its group."""


T = TypeVar("T", bound=Grouped)


def groups_of(stems: Sequence[str], text: str) -> list[str]:
    """Return the group of each stem: what the first bracket of the pattern finds, or the stem.

    Args:
        stems: stems of photos.
        text: regular expression for a whole stem.

    Raises:
        SettingsError: `text` is no regular expression, has no bracket, or takes too long.
    """
    return [
        (match.group(1) if match else None) or stem
        for stem, match in zip(stems, _matches(stems, text), strict=True)
    ]


def in_validation(group: str, *, share: float, start: float = 0.0, seed: int = 0) -> bool:
    """Whether `group` is in the validation set, which has about `share` of all groups.

    A group is in it if a hash of its name, from 0 to 1, lies in [start, start + share). So with
    adjacent intervals of equal shares, as in a cross-validation, each group is in it once.
    """
    return start <= position_of(group, seed) < start + share


def fold_of(group: str, num_folds: int, *, seed: int = 0) -> int:
    """Return the fold, 0 to `num_folds` - 1, that `group` belongs to.

    Folds use another hash than the validation set, so the training groups are divided among them
    evenly.
    """
    return int(position_of(group, f"{seed}:fold") * num_folds)


def split(
    samples: Sequence[T], *, share: float, start: float = 0.0, seed: int = 0
) -> tuple[list[T], list[T]]:
    """Return the training samples and the validation samples, by group; see `in_validation`.

    With a `share` of 0, all samples are for training.

    Raises:
        InputError: one of the two sets is empty.
    """
    validation = {
        group: in_validation(group, share=share, start=start, seed=seed)
        for group in {sample.group for sample in samples}
    }
    train_samples = [sample for sample in samples if not validation[sample.group]]
    val_samples = [sample for sample in samples if validation[sample.group]]
    if not train_samples or (share and not val_samples):
        name, other = ("validation", "larger") if train_samples else ("training", "smaller")
        hint = f"use a {other} data.val_share, or another data.split_seed"
        if len(validation) < 2:
            hint = "there must be two groups at least (data.group)"
        raise InputError(
            f"the split leaves no photo for {name}: {len(validation)} groups, "
            f"data.val_share = {share}, data.split_seed = {seed}; {hint}"
        )
    return train_samples, val_samples


def unmatched(text: str, stems: Sequence[str]) -> list[str]:
    """Return those of `stems` that the pattern of groups does not fit.

    Raises:
        SettingsError: it is no pattern of groups, or takes too long.
    """
    return [stem for stem, match in zip(stems, _matches(stems, text), strict=True) if not match]


def check_pattern(text: str, stems: Sequence[str]) -> None:
    """Say so if the pattern of groups does not fit all `stems`.

    Photos of one car would be in both sets, and scores would mean nothing.

    Raises:
        SettingsError: it fits none of them, although it is not the default.
    """
    others = unmatched(text, stems)
    if len(others) == len(stems) and text != CARVANA_GROUP:
        raise SettingsError(
            f"data.group = {text!r} fits none of the {len(stems)} photos, such as {others[0]!r}; "
            "it must fit the whole name of a photo without its ending, or be left out if each "
            "photo is a group of its own"
        )
    if len(others) == len(stems):
        log.info("each of the %d photos is a group of its own (data.group)", len(stems))
    elif others:
        log.warning(
            "data.group = %r fits %d of %d photos; each other one, such as %r, is a group of its "
            "own",
            text,
            len(stems) - len(others),
            len(stems),
            others[0],
        )


def group_regex(text: str) -> regex.Pattern[str]:
    """Return the compiled pattern of groups.

    Raises:
        SettingsError: it is no regular expression, or has no bracket.
    """
    if len(text) > MAX_PATTERN:
        raise SettingsError(f"data.group has {len(text)} characters; use {MAX_PATTERN} at most")
    try:
        re.compile(text)  # whose messages are the familiar ones
        pattern = regex.compile(text)
    except (re.error, regex.error, OverflowError, RecursionError) as error:
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


def _matches(stems: Sequence[str], text: str) -> list[regex.Match[str] | None]:
    """Return the match of each whole stem; the pattern may be that of a model from anywhere.

    Raises:
        SettingsError: it is no pattern of groups, or takes too long.
    """
    pattern, end = group_regex(text), monotonic() + MAX_SECONDS
    try:
        return [pattern.fullmatch(stem, timeout=max(1e-3, end - monotonic())) for stem in stems]
    except TimeoutError as error:
        raise SettingsError(
            f"data.group = {text!r} takes more than {MAX_SECONDS:g} seconds for {len(stems)} "
            "photos; write it without repetitions inside repetitions"
        ) from error


def position_of(group: str, seed: int | str) -> float:
    """Return the hash of a group's name as a number from 0 to 1, 1 excluded."""
    digest = hashlib.sha256(as_bytes(f"{seed}:{group}")).digest()
    return int.from_bytes(digest[:6]) / 2**48


def as_bytes(text: str) -> bytes:
    """Return the bytes of a name; names of files need not be valid text."""
    return text.encode("utf-8", "surrogateescape")

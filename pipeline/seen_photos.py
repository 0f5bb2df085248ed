"""Which photos a model was trained on: by their groups, and by the content of their files.

Groups are compared by name. Their names come from a pattern, and another run may have another one.
So a model keeps the patterns that its groups were named by, and a hash of each photo's file.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from data.errors import InputError
from data.fingerprints import HASH_LENGTH, photo_hashes
from data.groups import CARVANA_GROUP, groups_of
from data.samples import Sample
from pipeline.model import Model


@dataclass(frozen=True)
class Photos:
    """Photos, as a model can recognise them."""

    groups: frozenset[str]
    """Their groups, by the pattern of this run."""
    names: frozenset[str] = frozenset()
    """Their stems."""
    hashes: frozenset[str] = frozenset()
    """`data.samples.photo_hashes` of them, as far as they are known."""


def photos_of(samples: Sequence[Sample], model: Model) -> Photos:
    """Return `samples`; they are hashed only if `model` knows hashes.

    Raises:
        InputError: a photo cannot be read.
    """
    hashes = photo_hashes(samples) if seen_hashes(model) else []
    groups = frozenset(sample.group for sample in samples)
    return Photos(groups, frozenset(sample.name for sample in samples), frozenset(hashes))


def seen_samples(model: Model, samples: Sequence[Sample]) -> list[bool]:
    """Return for each sample whether `model` was trained on its group, or on the photo itself.

    Raises:
        InputError: a photo cannot be read, or a pattern of the model takes too long.
    """
    groups, known = seen_groups(model, [sample.name for sample in samples]), seen_hashes(model)
    hashes = photo_hashes(samples) if known else [""] * len(samples)
    return [bool(own) or hash_ in known for own, hash_ in zip(groups, hashes, strict=True)]


def check_unseen(model: Model, photos: Photos, setting: str, hint: str) -> None:
    """Raise if the `model` that `setting` initialises from was trained on `photos` for validation.

    Raises:
        InputError: it was; the message ends with `hint`.
    """
    groups = set().union(*seen_groups(model, sorted(photos.names))) | photos.groups & model.seen
    if groups:
        first = sorted(groups)
        raise InputError(
            f"{setting} was trained on {len(groups)} of the groups to validate on "
            f"({', '.join(first[:3])}{', ...' if len(first) > 3 else ''}), which would make the "
            f"scores meaningless; {hint}"
        )
    num = len(photos.hashes & seen_hashes(model))
    if num:
        raise InputError(
            f"{setting} was trained on {num} of the photos to validate on, under other names or in "
            f"other groups, which would make the scores meaningless; {hint}"
        )


def seen_groups(model: Model, names: Sequence[str]) -> list[set[str]]:
    """Return the groups of each name that `model` was trained on, by each of its patterns.

    Raises:
        SettingsError: a pattern takes too long.
    """
    if not model.seen:
        return [set() for _ in names]
    columns = [groups_of(names, pattern) for pattern in patterns_of(model)]
    return [set(groups) & model.seen for groups in zip(*columns, strict=True)]


def seen_hashes(model: Model) -> frozenset[str]:
    """Return the hashes of the photos that `model` was trained on; none if it does not know."""
    return _split(model.provenance.get("photo_hashes", ""))


def validation_hashes(model: Model) -> frozenset[str]:
    """Return the hashes of the photos that `model` was validated on."""
    return _split(model.provenance.get("validation_photo_hashes", ""))


def patterns_of(model: Model) -> list[str]:
    """Return the patterns that the groups of `model` were named by."""
    own = model.provenance.get("settings", {}).get("data", {}).get("group", CARVANA_GROUP)
    return list(model.provenance.get("group_patterns", [own]))


def trained_on(
    models: Sequence[Model],
    *,
    groups: Collection[str] = (),
    patterns: Collection[str] = (),
    hashes: Collection[str] = (),
) -> dict[str, Any]:
    """Return what new weights were trained on, as it stands in the provenance of a model.

    Args:
        models: models that they were initialised from.
        groups: groups of the photos of this run.
        patterns: the pattern that named them.
        hashes: `photo_hashes` of these photos.
    """
    return {
        "groups": sorted({*groups}.union(*(model.seen for model in models))),
        "group_patterns": sorted({*patterns}.union(*map(patterns_of, models))),
        "photo_hashes": joined({*hashes}.union(*map(seen_hashes, models))),
    }


def joined(hashes: Collection[str]) -> str:
    """Return hashes as one text, as a model keeps them."""
    return "".join(sorted(hashes))


def _split(text: str) -> frozenset[str]:
    return frozenset(text[i : i + HASH_LENGTH] for i in range(0, len(text), HASH_LENGTH))

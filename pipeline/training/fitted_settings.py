"""Settings fitted to a data set: what a training does unless its settings say otherwise.

Pure functions of the facts of `pipeline.training.photo_facts`. docs/results/own-photos.md
has the experiments behind the numbers ("Learning curves").
"""

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from data.geometry import Size, working_size
from data.groups import position_of
from pipeline.config import RefinerConfig
from pipeline.training.photo_facts import PhotoFacts

LONG_SIDE = 1918
"""Longer side that a photo is brought to, unless there is a reason for another one."""

MOST_ENLARGED = 2.4
"""Largest factor by which small photos are enlarged."""

NARROW = 40
"""Width of an object, in pixels at working size, that large photos are kept larger for."""

MOST_PIXELS = 2
"""Longest working size, in `LONG_SIDE`s: twice the side is four times the work."""

FEW_PHOTOS = 150
"""Training photos below which colours are changed further."""

VAL_SHARE = 0.2
MOST_VALIDATED = 40
"""Groups to hold out: this share of them, but no more than so many."""

REFINER_PASSES = 20
"""Most passes of the refiner through its patches."""


@dataclass(frozen=True)
class Choice:
    """One setting and why it has its value."""

    name: str
    """Table and name, such as "data.long_side"."""
    value: Any
    why: str


def choices(facts: PhotoFacts, groups: Set[str], split_seed: int = 0) -> list[Choice]:
    """Return all settings that are fitted to a data set.

    Args:
        facts: what is in it.
        groups: names of the groups in the folder that validation photos come from.
        split_seed: the setting of that name.
    """
    num_val = num_validation_groups(len(groups))
    num_train = max(1, round(facts.num_photos * (1 - num_val / max(len(groups), 1))))
    return [
        Choice(
            "data.val_share",
            val_share(groups, num_val, split_seed),
            f"{num_val} of {len(groups)} groups are held out to measure how good the model is",
        ),
        long_side(facts),
        *augmentation(num_train),
    ]


def num_validation_groups(num_groups: int) -> int:
    """Return how many of `num_groups` groups are held out: at least one, if there are two."""
    wanted = min(round(VAL_SHARE * num_groups), MOST_VALIDATED)
    return max(min(num_groups - 1, 2), wanted) if num_groups > 1 else 0


def val_share(groups: Set[str], num_val: int, split_seed: int = 0) -> float:
    """Return the `data.val_share` that puts `num_val` of `groups` into the validation set.

    Groups are in it if a hash of their names, from 0 to 1, is below the share, so a share of 0.2
    may be 29 of 100 groups. This one lies halfway between two hashes.
    """
    ordered = sorted(position_of(group, split_seed) for group in groups)
    below = ordered[num_val - 1] if num_val else 0.0
    above = ordered[num_val] if num_val < len(ordered) else 1.0
    return min(max((below + above) / 2, 0.001), 0.999)


def long_side(facts: PhotoFacts) -> Choice:
    """Return the working size: a usual one, unless photos are small or objects narrow."""
    usual = min(LONG_SIDE, round(MOST_ENLARGED * facts.long_side))
    width = facts.object_width * usual / facts.long_side
    if facts.long_side > usual and 0 < width < NARROW:
        most = min(facts.long_side, MOST_PIXELS * LONG_SIDE)
        side = round(min(most, usual * NARROW / width))
        why = f"the object is narrow, {width:.0f} pixels of a photo reduced to {usual}"
    elif facts.long_side * 1.25 < usual:
        side, why = usual, f"photos of {facts.long_side} pixels gain from being enlarged"
    else:
        size = Size(facts.short_side, facts.long_side)
        brought = "keep their size" if working_size(size, usual) == size else "are reduced to it"
        side, why = usual, f"photos of {facts.long_side} pixels {brought}"
    return Choice("data.long_side", side, why)


def augmentation(num_train: int) -> list[Choice]:
    """Return how far photos and patches are changed: further if there are few photos."""
    if num_train >= FEW_PHOTOS:
        return []
    why = f"{num_train} photos show few lights and colours"
    coarse = {"brightness": 0.2, "contrast": 0.35, "saturation": 0.5, "tint": 0.15}
    refiner = {"brightness": 0.06, "contrast": 0.15, "saturation": 0.2, "tint": 0.05}
    return [
        Choice(f"{stage}.augment.{name}", value, why)
        for stage, values in (("coarse", coarse), ("refiner", refiner))
        for name, value in values.items()
    ]


def refiner_steps(config: RefinerConfig, num_patches: int) -> int:
    """Return the steps of stage two for so many training patches."""
    steps_a_pass = max(1, math.ceil(num_patches / config.batch_size))
    by_root = round(config.STEPS_OF_ONE * math.sqrt(steps_a_pass))
    return min(by_root, REFINER_PASSES * steps_a_pass)


def as_settings(chosen: Sequence[Choice], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of `chosen` settings, without those that the table `given` sets."""
    table: dict[str, Any] = {}
    for choice in chosen:
        *path, name = choice.name.split(".")
        if is_given(choice.name, given):
            continue
        inner = table
        for part in path:
            inner = inner.setdefault(part, {})
        inner[name] = choice.value
    return table


def is_given(name: str, given: Mapping[str, Any]) -> bool:
    """Whether the table of tables `given` sets the setting `name`, such as "data.long_side"."""
    value: Any = given
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    return True

"""Findings about masks: what their values are, what is taken for the object, and how it lies."""

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from data.folders import counted
from data.mask_values import MaskValue, background_of, suggestion
from pipeline.checking.examination import Examined
from pipeline.checking.findings import Finding
from pipeline.checking.mask_look import POLYGONS, TRANSPARENCY, MaskLook
from pipeline.checking.phrases import (
    between,
    how_many_are,
    how_many_have,
    named,
    part_of,
    percent,
    some,
)

MOST_VALUES = 8
"""Most values that a message lists."""

TINY = 20
"""Sides of an object, in pixels at working size, below which a coarse network hardly sees it."""

OUTSIDE = 0.5
"""Share of the border from which on what is taken for the object is probably the background."""

MOST_INVERTED = 0.5
"""Share of a set whose masks must look inverted for the whole set to be."""


def choice_findings(examined: Sequence[Examined]) -> Iterator[Finding]:
    """Yield what is to be chosen where masks have several values, or what was chosen in vain."""
    read = [(e, e.mask) for e in examined if e.mask is not None]
    unclear = [e.sample.photo for e, mask in read if mask.needs_choice]
    if unclear:
        values = choosable([mask for _, mask in read])
        yield Finding(
            "choose-object",
            "fatal",
            f"{how_many_have(len(unclear), len(read), 'mask')} several values, and nothing "
            f"says which of them are the object. Found {_with_shares(values)}. Say which "
            f"values are the object, {_where_to_say(_proposal(values))}"
            f"In all that follows here, everything but {background_of(values)} is taken for the "
            "object.",
            some(unclear, len(read)),
        )
    elif read and read[0][0].sample.object_values and not any(mask.share for _, mask in read):
        chosen = json.dumps(list(read[0][0].sample.object_values))
        yield Finding(
            "object-not-found",
            "fatal",
            f"data.object = {chosen}, and no mask has a pixel of that. Found "
            f"{_with_shares(merged([mask for _, mask in read]))}. Name some of these instead.",
        )


def choosable(looks: Sequence[MaskLook]) -> list[MaskValue]:
    """Return the values that may be chosen from: numbers, colours, or both, as unclear masks have.

    Other masks of the same set may have further classes, two at a time.
    """
    kinds = {type(value.entry) for look in looks if look.needs_choice for value in look.values}
    values = merged([look for look in looks if look.kind not in (TRANSPARENCY, POLYGONS)])
    return [value for value in values if type(value.entry) in kinds]


def _proposal(values: Sequence[MaskValue]) -> str:
    """Return what `data.object` may be; where some masks are in colour, numbers name none of it."""
    is_mixed = len({type(value.entry) for value in values}) > 1
    return '"not 0"' if is_mixed else suggestion(values)


def _where_to_say(proposal: str) -> str:
    """Return the end of a sentence, and the lines that choose what `data.object` (JSON) may be."""
    value = json.loads(proposal)
    entries = value if isinstance(value, list) else [value]
    return (
        f"here and for the training:\n    --object {shlex.join(map(str, entries))}\n"
        f"or, in a settings file for --config:\n    [data]\n    object = {proposal}\n"
    )


def category_findings(examined: Sequence[Examined]) -> Iterator[Finding]:
    """Yield the folders whose polygons are of several categories while nothing chooses one."""
    by_folder: dict[Path, list[MaskLook]] = {}
    for e in examined:
        if e.mask is not None and e.mask.kind == POLYGONS and not e.sample.object_values:
            by_folder.setdefault(e.sample.folder, []).append(e.mask)
    for folder, looks in by_folder.items():
        values = sorted(merged(looks), key=lambda value: -value.num_pixels)
        if len(values) > 1:
            found = ", ".join(f"{v.entry} ({counted(v.num_pixels, 'photo')})" for v in values)
            yield Finding(
                "choose-object",
                "fatal",
                f"{folder} has polygons of several categories, and nothing says which of them are "
                f"the object: {found}. Say which are, "
                f"{_where_to_say(json.dumps([values[0].entry]))}"
                "In all that follows here, all of them are taken for the object.",
            )


def value_findings(examined: Sequence[Examined]) -> Iterator[Finding]:
    """Yield what the masks' values are, and which of them are taken for the object."""
    by_kind: dict[str, list[Examined]] = {}
    for e in examined:
        if e.mask is not None and not e.mask.needs_choice:
            by_kind.setdefault(e.mask.kind, []).append(e)
    total = sum(map(len, by_kind.values()))
    for kind, of_kind in sorted(by_kind.items(), key=lambda item: -len(item[1])):
        values = merged([e.mask for e in of_kind if e.mask is not None])
        yield Finding(
            "mask-values",
            "note",
            f"{part_of(len(of_kind), total, 'mask').capitalize()}: {kind}; {_taken(kind, values)}.",
            some([e.sample.photo for e in of_kind], total),
        )
    lossy = [e.sample.photo for e in examined if e.mask is not None and "JPEG" in e.mask.kind]
    if lossy:
        yield Finding(
            "mask-jpeg",
            "note",
            f"{how_many_are(len(lossy), len(examined), 'mask')} "
            "saved as JPEG, which blurs edges. Save masks as PNG where you can.",
            some(lossy, len(examined)),
        )


def share_findings(examined: Sequence[Examined], long_side: int) -> Iterator[Finding]:
    """Yield how much of the photos the object covers, and where that is odd.

    Args:
        examined: photos with masks that fit together.
        long_side: longer side of a photo at working size.
    """
    looks = [(e, e.mask) for e in examined if e.mask is not None]
    if not looks:
        return
    total = len(looks)
    for code, share, what, where in (
        ("empty-mask", 0, "no object", "there is none in the photo"),
        ("full-mask", 1, "nothing but object", "it fills the photo"),
    ):
        found = [e.sample.photo for e, mask in looks if mask.share == share]
        if found:
            yield Finding(
                code,
                "suspect",
                f"{how_many_have(len(found), total, 'mask')} {what}, which is right only if "
                f"{where}: {named(found)}.",
                some(found, total),
            )
    yield from _inverted(looks)
    tiny = [e.sample.photo for e, mask in looks if 0 < _working_side(mask, long_side) < TINY]
    if tiny:
        yield Finding(
            "tiny-object",
            "suspect",
            f"In {part_of(len(tiny), total)} the object is smaller than {TINY} pixels once photos "
            f"are brought to {long_side} pixels: {named(tiny)}. It is hardly seen at the first "
            "look. Is it a stray spot in the mask? If the object is so small, set data.long_side "
            "to a larger number, or cut the photos closer around it.",
            some(tiny, total),
        )
    shares = [mask.share for _, mask in looks]
    yield Finding(
        "object-share",
        "note",
        f"The object covers {between([100 * share for share in shares])} % of a photo, in the "
        f"middle of the set {percent(median(shares))}.",
    )
    touching = [e.sample.photo for e, mask in looks if mask.border_share > 0 and mask.share < 1]
    if touching:
        yield Finding(
            "touches-border",
            "note",
            f"In {part_of(len(touching), total)} the object reaches the border of the photo. That "
            "is fine if it is cut off there.",
            some(touching, total),
        )


def merged(looks: Sequence[MaskLook]) -> list[MaskValue]:
    """Return the values of several masks: numbers ascending, then names by their areas."""
    pixels: Counter[int | str] = Counter()
    border: Counter[int | str] = Counter()
    inside: Counter[int | str] = Counter()
    colours: dict[int | str, str] = {}
    for look in looks:
        for value in look.values:
            pixels[value.entry] += value.num_pixels
            border[value.entry] += value.num_border
            inside[value.entry] += value.num_pixels * value.is_object
            colours[value.entry] = value.colour
    found = [
        MaskValue(entry, num, border[entry], 2 * inside[entry] > num, colours[entry])
        for entry, num in pixels.most_common()
    ]
    numbers = [value for value in found if isinstance(value.entry, int)]
    names = [value for value in found if isinstance(value.entry, str)]
    return sorted(numbers, key=lambda value: int(value.entry)) + names


def _inverted(looks: Sequence[tuple[Examined, MaskLook]]) -> Iterator[Finding]:
    """Yield the masks whose object lies along the border, as a background does."""
    outside = [e for e, mask in looks if mask.border_share > OUTSIDE and mask.share < 1]
    if len(outside) > MOST_INVERTED * len(looks):
        shares = [mask.share for _, mask in looks]
        yield Finding(
            "inverted-set",
            "suspect",
            f"What is taken for the object covers {percent(median(shares))} of a photo and most of "
            f"its border, in {part_of(len(outside), len(looks))}. Masks are probably inverted: the "
            f"object dark, all else bright. {_how_to_invert([mask for _, mask in looks])}",
            some([e.sample.photo for e in outside], len(looks)),
        )
    elif outside:
        photos = tuple(e.sample.photo for e in outside)
        yield Finding(
            "inverted-mask",
            "suspect",
            f"{part_of(len(outside), len(looks), 'mask').capitalize()} may be inverted, unlike the "
            f"others: the object takes most of the photo's border in {named(photos)}.",
            photos,
        )


def _how_to_invert(looks: Sequence[MaskLook]) -> str:
    if any(look.kind == TRANSPARENCY for look in looks):
        return "If so, make the object opaque and all else transparent."
    values = merged(looks)
    others = [value.entry for value in values if not value.is_object]
    if any("soft" in look.kind for look in looks):
        others = [values[0].entry]
    return f"If so, write into a settings file\n    [data]\n    object = {json.dumps(others)}"


def _working_side(mask: MaskLook, long_side: int) -> float:
    """Return the longer side of the object at working size, in pixels."""
    return max(mask.box) * long_side / max(mask.facts.size)


def _taken(kind: str, values: Sequence[MaskValue]) -> str:
    """Return which values are the object and which are not."""
    if not values:
        return "all of them are the object"
    inside = [value for value in values if value.is_object]
    outside = [value for value in values if not value.is_object]
    if "soft" in kind:
        levels = f"{values[0].entry} to {values[-1].entry}, cut at one half; the brighter part"
        return f"{levels} is the object"
    if not inside:
        return f"{_listed(outside)} only, so there is no object"
    what = f"{_listed(inside)} {'is' if len(inside) == 1 else 'are'} the object"
    return f"{what}, {_listed(outside)} is not" if outside else f"{what}, and there is nothing else"


def _listed(values: Sequence[MaskValue]) -> str:
    shown = [str(value) for value in values[:MOST_VALUES]]
    more = len(values) - MOST_VALUES
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _with_shares(values: Sequence[MaskValue]) -> str:
    """Return the values with the share of all pixels that each has, the most frequent first."""
    total = sum(value.num_pixels for value in values)
    by_area = sorted(values, key=lambda value: -value.num_pixels)
    shown = [f"{value} ({percent(value.num_pixels / total)})" for value in by_area[:MOST_VALUES]]
    more = len(values) - MOST_VALUES
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")

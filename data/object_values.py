"""Which values of a mask, or which polygons, are the object, as the setting `data.object` says."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from data.errors import SettingsError
from data.ranges import shown

Colour = tuple[int, int, int]

MAX_NUMBER = 65535
"""Largest value of a mask."""

ENTRY = re.compile(
    r"(?P<negated>not\s+)?"
    r"(?:(?P<number>\d{1,5})|#(?P<colour>[0-9a-fA-F]{6})|(?P<name>(?!not$|not\s|\d+$)[^#\s].*))"
)

ACCEPTED = (
    '[1, 2] (class indices), ["#00b000", "#ff0000"] (colours), "not 0" (all but the background), '
    'or ["car"] (categories of polygons)'
)


@dataclass(frozen=True)
class ObjectValues:
    """The values of a mask that are its object."""

    numbers: frozenset[int]
    """Grey values, class indices, or indices of a palette."""
    colours: frozenset[Colour] = frozenset()
    """Red, green and blue from 0 to 255."""
    is_complement: bool = False
    """Whether these values are the background instead, and all others the object."""
    names: frozenset[str] = frozenset()
    """Categories of polygons."""

    @property
    def all_colours(self) -> frozenset[Colour]:
        """The values of a picture in colour; the number 0 is black there."""
        return self.colours | ({(0, 0, 0)} if 0 in self.numbers else frozenset())

    @property
    def greys(self) -> frozenset[int]:
        """The values of a picture in grey; a colour without hue is a grey value there."""
        return self.numbers | {red for red, green, blue in self.colours if red == green == blue}

    def has_category(self, name: str, number: int | None = None) -> bool:
        """Whether polygons of a category are the object.

        Args:
            name: of the category.
            number: of the category, where the file has numbers.
        """
        return (name in self.names or number in self.numbers) ^ self.is_complement


def checked_entries(given: object) -> tuple[int | str, ...]:
    """Return the entries of the setting `data.object`; a single one need not be in a list.

    Raises:
        SettingsError: it is something else.
    """
    entries = tuple(given) if isinstance(given, list | tuple) else (given,)
    negated = set()
    for entry in entries:
        is_number = type(entry) is int
        match = _match(str(entry)) if is_number or isinstance(entry, str) else None
        if match is None or (is_number and not match["number"]):
            raise SettingsError(f"object must be {ACCEPTED}, not {shown(given)}")
        negated.add(bool(match["negated"]))
    if len(negated) > 1:
        raise SettingsError(
            f"object names either what is the object or, with not, what is not; {shown(given)} "
            "does both"
        )
    return tuple(entries)


def object_values(entries: Sequence[int | str]) -> ObjectValues | None:
    """Return what the entries of `data.object` mean; None if there are none.

    Raises:
        SettingsError: for the reasons given at `checked_entries`.
    """
    return _parsed(checked_entries(entries)) if entries else None


def all_but(background: int | str) -> ObjectValues:
    """Return all values but one, which is an entry as in `data.object`."""
    return _parsed((f"not {background}",))


@cache
def _parsed(entries: tuple[int | str, ...]) -> ObjectValues:
    matches = [match for entry in entries if (match := _match(str(entry)))]
    return ObjectValues(
        numbers=frozenset(int(m["number"]) for m in matches if m["number"]),
        colours=frozenset(colour_of(m["colour"]) for m in matches if m["colour"]),
        is_complement=any(match["negated"] for match in matches),
        names=frozenset(m["name"].strip() for m in matches if m["name"]),
    )


def colour_of(digits: str) -> Colour:
    """Return the colour of six hexadecimal digits."""
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def colour_name(colour: Sequence[int]) -> str:
    """Return a colour as `data.object` names it, such as "#00b000"."""
    red, green, blue = colour
    return f"#{red:02x}{green:02x}{blue:02x}"


def _match(entry: str) -> re.Match[str] | None:
    match = ENTRY.fullmatch(entry)
    return match if match and int(match["number"] or 0) <= MAX_NUMBER else None

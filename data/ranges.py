"""Checks of the fields of frozen dataclasses against ranges in their annotations.

A dataclass that inherits from `Checked` is checked whenever it is created: from a settings file,
from a model, in Python.
"""

import math
import reprlib
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from data.errors import SettingsError

LONGEST = 120
"""Most characters of a value in a message."""


@dataclass(frozen=True)
class Range:
    """The smallest and the largest value that a number may have, both allowed."""

    least: float
    largest: float = math.inf

    def __str__(self) -> str:
        if self.largest == math.inf:
            return f"at least {_plain(self.least)}"
        return f"from {_plain(self.least)} to {_plain(self.largest)}"

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.largest and value != math.inf


Count = Annotated[int, Range(1, 10**6)]
Seed = Annotated[int, Range(0, 2**31)]
Share = Annotated[float, Range(0, 1)]
Positive = Annotated[float, Range(1e-12)]
NonNegative = Annotated[float, Range(0)]


class Checked:
    """A frozen dataclass whose fields are checked against their annotations.

    Raises:
        SettingsError: see `check_fields`.
    """

    def __post_init__(self) -> None:
        check_fields(self)


def check_fields(value: object) -> None:
    """Check each field of the frozen dataclass `value` against its annotation.

    Whole numbers become floats where a field is one, and lists become tuples, so that equal
    settings are equal however they were written.

    Raises:
        SettingsError: a field has another type, or a value out of its range. The message begins
            with the name of the field.
    """
    for name, kind in field_types(type(value)).items():
        given = getattr(value, name)
        checked = _checked(kind, given, name)
        if checked is not given:
            object.__setattr__(value, name, checked)


def field_types(cls: Any) -> dict[str, Any]:
    """Return the annotation of each field of the dataclass `cls`."""
    return _field_types(cls)


@cache
def _field_types(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls, include_extras=True)
    return {f.name: hints[f.name] for f in fields(cls)}


def shown(value: object) -> str:
    """Return `value` as text for a message: on one line, and shortened if it is long."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = 80
    try:
        text = short.repr(value)
    except ValueError:  # a whole number with more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _checked(kind: Any, value: Any, name: str) -> Any:
    """Return `value` as the type `kind` of the field `name`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _in_range(_checked(arguments[0], value, name), arguments[1], name)
    if origin is Literal:
        if not any(type(value) is type(choice) and value == choice for choice in arguments):
            choices = ", ".join(repr(choice) for choice in arguments)
            raise SettingsError(f"{name} must be one of {choices}, not {shown(value)}")
        return value
    if origin is tuple:
        return _items(arguments, value, name)
    if kind is float and type(value) is int:
        return _as_float(value, name)
    kinds = arguments if origin is UnionType else (kind,)
    if type(value) not in kinds:
        raise SettingsError(f"{name} must be {_type_names(kinds)}, not {shown(value)}")
    return value


def _type_names(kinds: tuple[Any, ...]) -> str:
    return " or ".join("a table of settings" if is_dataclass(k) else k.__name__ for k in kinds)


def _items(arguments: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    """Return `value` as a tuple of the type `arguments`: (T, ...) of any length, (T, T) of two."""
    if not isinstance(value, list | tuple):
        raise SettingsError(f"{name} must be a list, not {shown(value)}")
    if arguments[-1] is not Ellipsis and len(value) != len(arguments):
        raise SettingsError(f"{name} must be a list of {len(arguments)}, not {shown(value)}")
    items = tuple(_checked(arguments[0], item, name) for item in value)
    return value if value == items and isinstance(value, tuple) else items


def _as_float(value: int, name: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise SettingsError(f"{name} is too large: {shown(value)}") from error


def _in_range(value: Any, allowed: Range, name: str) -> Any:
    if value not in allowed:
        raise SettingsError(f"{name} must be {allowed}, not {shown(value)}")
    return value


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"

"""Fields of a form: how their text is read, and how the OpenAPI document describes them."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from pipeline.serving.api_error import bad

Kind = Literal["file", "base64", "text", "choice", "integer", "number", "boolean"]

TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")

LONGEST_TEXT = 1000
"""Most characters of a field that is neither a file nor one in base 64, unless it says more."""


@dataclass(frozen=True)
class Upload:
    """An uploaded file."""

    name: str
    """What the sender calls it, made harmless by `safe_name`; it is never a path here."""
    data: bytes


Form = Mapping[str, str | Upload]


@dataclass(frozen=True, kw_only=True)
class FormField:
    """A field of a form."""

    name: str
    about: str
    kind: Kind = "text"
    choices: Sequence[str] = ()
    least: float | None = None
    most: float | None = None
    default: str = ""
    """Text that stands for a field that is missing or empty."""
    example: str = ""
    """A text that is right, where the kind does not say what is."""
    longest: int = LONGEST_TEXT
    """Most characters of a field that is no file and not in base 64."""
    is_refused: bool = False
    """Whether every text but an empty one is refused, whoever uses the field."""

    def schema(self) -> dict[str, Any]:
        """Return its JSON schema."""
        schema: dict[str, Any] = {"description": self.about}
        if self.kind == "file":
            return schema | {"type": "string", "format": "binary"}
        if self.kind == "base64":
            return schema | {"type": "string", "contentEncoding": "base64"}
        if self.kind == "boolean":
            both = [True, False, 1, 0, *TRUE, *FALSE]
            return schema | {"enum": both, "default": self.default == "true"}
        schema["type"] = self.kind if self._is_number else "string"
        if self.kind == "text":
            schema["maxLength"] = 0 if self.is_refused else self.longest
        default = self._number(self.default) if self._is_number and self.default else self.default
        more = {
            "enum": list(self.choices),
            "minimum": self.least,
            "maximum": self.most,
            "default": default,
            "examples": [self.example] if self.example else [],
        }
        return schema | {name: value for name, value in more.items() if value not in ([], None, "")}

    def check(self, text: str) -> None:
        """Raise unless `text` is a value of this field.

        Raises:
            ApiError: it is none; the status is 400.
        """
        if self.kind != "base64" and len(text) > self.longest:
            raise bad("invalid_parameter", f"{self.name} is too long")
        if self.kind == "choice" and text not in self.choices:
            raise self._wrong(f"one of {', '.join(self.choices)}", text)
        if self.kind == "boolean" and text.lower() not in (*TRUE, *FALSE):
            raise self._wrong("true or false", text)
        if self._is_number:
            self._number(text)

    @property
    def _is_number(self) -> bool:
        return self.kind in ("integer", "number")

    def _number(self, text: str) -> float:
        try:
            value = int(text) if self.kind == "integer" else float(text)
        except ValueError:
            value = float("nan")
        least = -float("inf") if self.least is None else self.least
        most = float("inf") if self.most is None else self.most
        if not (isfinite(value) and least <= value <= most):
            span = "" if self.least is None else f" from {least:g}"
            span += "" if self.most is None else f" to {most:g}"
            what = "a whole number" if self.kind == "integer" else "a number"
            raise self._wrong(what + span, text)
        return value

    def _wrong(self, expected: str, text: str) -> Exception:
        return bad("invalid_parameter", f"{self.name} is {expected}, not {text[:60]!r}")


class FormValues:
    """The checked values of a form. A field that is missing or empty has its default."""

    def __init__(self, fields: Sequence[FormField], form: Form, *, ignore_others: bool) -> None:
        """Check all fields.

        Args:
            fields: those that there are.
            form: those that were sent.
            ignore_others: whether other fields are let pass.

        Raises:
            ApiError: a value is none of its field; the status is 400.
        """
        self._fields = {field.name: field for field in fields}
        self._form = form
        if not ignore_others and (unknown := set(form) - set(self._fields)):
            names = ", ".join(self._fields)
            raise bad("unknown_parameter", f"No field {min(unknown)[:60]!r}; there are {names}")
        for name, field in self._fields.items():
            value = form.get(name)
            if isinstance(value, Upload) and field.kind != "file":
                raise bad("invalid_parameter", f"{name} is no file")
            if isinstance(value, str) and value and field.kind == "file":
                raise bad("invalid_parameter", f"{name} is a file")
            if isinstance(value, str) and value:
                field.check(value)

    def text(self, name: str) -> str:
        """Return the text of a field, or its default."""
        value = self._form.get(name)
        return value if isinstance(value, str) and value else self._fields[name].default

    def flag(self, name: str) -> bool:
        """Return the truth of a field of kind boolean."""
        return self.text(name).lower() in TRUE

    def number(self, name: str) -> float | None:
        """Return the number of a field; None if it has none and no default."""
        return float(self.text(name)) if self.text(name) else None

    def whole(self, name: str) -> int | None:
        """Return the whole number of a field; None if it has none and no default."""
        return int(self.text(name)) if self.text(name) else None

    def upload(self, name: str) -> Upload | None:
        """Return the file of a field that was sent, unless it is empty and has no name."""
        value = self._form.get(name)
        return value if isinstance(value, Upload) else None

    def decoded(self, name: str) -> Upload | None:
        """Return the file of a field in base 64.

        Raises:
            ApiError: it is no base 64.
        """
        text = self.text(name)
        if not text:
            return None
        if text.startswith("data:"):
            text = text.partition(",")[2]
        try:
            return Upload("photo", base64.b64decode("".join(text.split()), validate=True))
        except (binascii.Error, ValueError) as error:
            raise bad("invalid_parameter", f"{name} is not in base 64") from error


def safe_name(name: str) -> str:
    """Return the last part of a file's name, without what is not printable; never empty."""
    last = name.replace("\\", "/").rpartition("/")[2]
    printable = "".join(char for char in last if char.isprintable() and char not in '<>:"|?*')
    return printable.strip(" .")[-100:] or "photo"

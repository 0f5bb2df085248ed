"""Text for terminals and spreadsheets: names of files may hold anything."""

import re
import unicodedata

LONGEST = 2000
"""Most characters of a message; what a damaged file holds may be quoted in it."""

DIRECTIONS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of text, and could make a name read as another."""

FORMULA = re.compile(r"[=+\-@\t\r]")


def printable(text: str) -> str:
    """Return `text` with escapes in place of control characters, but for line breaks.

    A name could otherwise move the cursor of a terminal, change its colours, or show as another
    name. Bytes that are no valid text are escaped too.
    """
    shown = "".join(_escaped(character) for character in text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."


def cell(text: str) -> str:
    """Return `text` so that a spreadsheet takes it for text and not for a formula.

    Whatever begins with =, +, -, @, a tab or a carriage return gets an apostrophe before it (OWASP,
    "CSV Injection").
    """
    return f"'{text}" if FORMULA.match(text) else text


def _escaped(character: str) -> str:
    if character == "\n" or not (
        character in DIRECTIONS or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    ):
        return character
    return character.encode("unicode_escape").decode("ascii")

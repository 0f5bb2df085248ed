"""Changes of the code that no test is to notice, as accepted.toml lists them."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

LIST = Path(__file__).with_name("accepted.toml")


class Accepted(NamedTuple):
    """A kind of change, and why no test is to notice it."""

    reason: str
    change: re.Pattern[str]
    module: str
    """The one module that it may be in, or '' for any."""


def load() -> list[Accepted]:
    """Return the entries of accepted.toml."""
    entries = tomllib.loads(LIST.read_text())["accepted"]
    return [
        Accepted(entry["reason"], re.compile(entry["change"]), entry.get("module", ""))
        for entry in entries
    ]


def reason_of(module: str, change: Sequence[str], entries: Sequence[Accepted]) -> str | None:
    """Return why no test is to notice a change of a module, None if one is to.

    Args:
        module: file of the module.
        change: lines of the diff that begin with - or +.
        entries: what `load` returns.
    """
    text = "\n".join(line[0] + line[1:].strip() for line in change)
    fitting = (e.reason for e in entries if e.module in ("", module) and e.change.fullmatch(text))
    return next(fitting, None)

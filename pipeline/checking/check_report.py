"""A check of a data set as text for a person, and as JSON for a program."""

import textwrap
from collections.abc import Iterator
from typing import Any

from data.folders import counted
from pipeline.checking.dataset_check import DatasetCheck
from pipeline.checking.findings import WEIGHTS
from pipeline.checking.forecast import Forecast

WIDTH = 100

INDENT = "    "


def text_of(check: DatasetCheck, forecast: Forecast | None) -> str:
    """Return a check as text, the heaviest findings first."""
    folders = ", ".join(map(str, check.folders))
    lines = [f"{folders}: {counted(len(check.examined), 'photo')} with masks"]
    for severity, title in WEIGHTS.items():
        findings = check.of(severity)
        if findings:
            lines += ["", title]
            for finding in findings:
                lines += _item(finding.message)
    if forecast is not None:
        lines += ["", "What `foveamask train` would do"]
        for sentence in forecast.lines():
            lines += _item(sentence)
    elif check.fatal:
        lines += ["", "What a training would do is said once it would not fail."]
    return "\n".join(lines)


def json_of(check: DatasetCheck, forecast: Forecast | None) -> dict[str, Any]:
    """Return a check as a table of JSON values."""
    return {
        "data": [str(folder) for folder in check.folders],
        "photos": len(check.examined),
        "groups": len({e.sample.group for e in check.examined}),
        "fails": bool(check.fatal),
        "findings": [finding.to_json() for finding in check.all],
        "forecast": None if forecast is None else forecast.to_json(),
    }


def _item(message: str) -> Iterator[str]:
    """Yield the lines of an item of a list; lines that are indented are kept whole."""
    first = "  * "
    for line in message.splitlines():
        if line.startswith(INDENT):
            yield f"{INDENT}{line}"
            continue
        yield from textwrap.wrap(
            line,
            WIDTH,
            initial_indent=first,
            subsequent_indent=INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
        first = INDENT

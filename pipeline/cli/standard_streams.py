"""Standard input and output as bytes, for commands in a pipe."""

import sys
from collections.abc import Sequence
from pathlib import Path

from data.errors import InputError
from pipeline.cli.program import STDOUT

STREAM = Path("-")
"""What stands for standard input or output on a command line."""

STDIN = "standard input"


def with_streams(arguments: Sequence[str]) -> list[str]:
    """Return a command line in which `predict` or `refine` takes - as a path, not as an option.

    A path that begins with ./ is never taken for an option, and this one equals `STREAM`.
    """
    if not {"predict", "refine"} & set(arguments[:2]):  # --debug may come first
        return list(arguments)
    return [f"./{STREAM}" if text == str(STREAM) else text for text in arguments]


def read_input() -> bytes:
    """Return what comes from standard input.

    Raises:
        InputError: nothing does.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError(f"{STDIN} is a terminal; let a photo come from there, as in `< photo.jpg`")
    data = sys.stdin.buffer.read()
    if not data:
        raise InputError(f"{STDIN} is empty")
    return data


def check_output() -> None:
    """Raise if bytes should not be written to standard output.

    Raises:
        InputError: it is a terminal, or closed.
    """
    if sys.stdout is None or sys.stdout.isatty():
        raise InputError(f"{STDOUT} is a terminal; add `> mask.png`, or name a folder for results")


def write_output(data: bytes) -> None:
    """Write `data` to standard output.

    Raises:
        OSError: it cannot be written; it names standard output.
    """
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        error.filename = STDOUT
        raise

"""Running a command line: what goes wrong is one line on stderr and an exit status.

Exit status: 0 done, 1 the input is at fault, 2 the command line or a settings file is, 130
interrupted.
"""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature

from cyclopts import App, CycloptsError, MissingArgumentError

from data.errors import InputError, SettingsError

RESUME = "run the same command again to resume"
RESUME_OVERWRITING = "run the same command again, without --overwrite, to resume"


def run(program: App, arguments: Sequence[str] | None = None) -> int:
    """Run `program`, say what goes wrong on stderr, and return the exit status."""
    try:
        status = program(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
    except CycloptsError as error:
        return _fail(_said_of(error, program), 2)
    except SettingsError as error:
        return _fail(error, 2)
    except (InputError, FloatingPointError) as error:
        return _fail(error, 1)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{where}", 1)
    except KeyboardInterrupt as interrupt:
        # What was under way is given up, and how it ended is of no interest to anyone.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
        return _fail("; ".join(["interrupted", *map(str, interrupt.args)]), 130)
    return status if isinstance(status, int) else 0


@contextmanager
def resumable(hint: str = RESUME) -> Iterator[None]:
    """Have it said, if a command is interrupted, how to resume it: it keeps what it has done."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(hint) from interrupt


def _said_of(error: CycloptsError, program: App) -> str:
    command = " ".join([*program.name, *(error.command_chain or [])])
    text = str(error)
    if isinstance(error, MissingArgumentError) and error.keyword is None and error.target:
        # Of several paths and a last one, cyclopts would miss the first where one is given.
        parameters = signature(error.target).parameters.values()
        names = [p.name.upper() for p in parameters if p.kind is p.POSITIONAL_ONLY]
        text = f"{command} takes {' and '.join(names)}."
    return f"{text} See {command} --help"


def _fail(error: object, status: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return status

"""Running a command line: an error becomes one line on stderr and an exit status.

Exit status: 0 done, 1 bad input, 2 a wrong command line or settings file, 130 interrupted.
"""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature

from cyclopts import App, CycloptsError, MissingArgumentError

from data.errors import InputError, SettingsError
from data.printable import printable

log = logging.getLogger(__name__)

RESUME = "run the same command again to resume"
RESUME_OVERWRITING = "run the same command again, without --overwrite, to resume"


DEBUG = "--debug"

PIPE_CLOSED = 141
"""Exit status of a program whose output nobody reads, 128 and the number of SIGPIPE."""


class PrintableFormatter(logging.Formatter):
    """Formats messages without the control characters that names of files may hold."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        return printable(super().format(record))


def set_up_logging() -> None:
    """Log to stderr, without control characters."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PrintableFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def run(program: App, arguments: Sequence[str] | None = None) -> int:
    """Run `program`, print an error to stderr, and return the exit status.

    With `--debug` anywhere among `arguments`, errors are logged with their tracebacks as well.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if DEBUG in given:
        given.remove(DEBUG)
        for package in ("data", "pipeline"):
            logging.getLogger(package).setLevel(logging.DEBUG)
    return _run(program, given)


def report(error: object) -> None:
    """Print `error` to stderr."""
    print(f"error: {printable(str(error))}", file=sys.stderr)


def _run(program: App, arguments: Sequence[str]) -> int:
    try:
        status = program(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
    except CycloptsError as error:
        return _fail(_message_of(error, program), 2)
    except SettingsError as error:
        return _fail(error, 2)
    except (InputError, FloatingPointError) as error:
        return _fail(error, 1)
    except BrokenPipeError:
        # Whoever reads the output has left, as `head` does. Without this, the interpreter would
        # fail once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{where}", 1)
    except KeyboardInterrupt as interrupt:
        # Tasks that are cancelled now must not print their errors.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
        return _fail("; ".join(["interrupted", *map(str, interrupt.args)]), 130)
    return status if isinstance(status, int) else 0


@contextmanager
def resumable(hint: str = RESUME) -> Iterator[None]:
    """Add `hint` to the message of an interrupted command: it keeps its results so far."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(hint) from interrupt


def _message_of(error: CycloptsError, program: App) -> str:
    command = " ".join([*program.name, *(error.command_chain or [])])
    text = str(error)
    if isinstance(error, MissingArgumentError) and error.keyword is None and error.target:
        # If one path is given where several and a last one are needed, cyclopts says that the
        # first is missing.
        parameters = signature(error.target).parameters.values()
        names = [p.name.upper() for p in parameters if p.kind is p.POSITIONAL_ONLY]
        text = f"{command} takes {' and '.join(names)}."
    return f"{text} See {command} --help"


def _fail(error: object, status: int) -> int:
    if isinstance(error, BaseException):
        log.debug("traceback:", exc_info=error)
    report(error)
    return status

"""Running a command line: an error becomes one line on stderr and an exit status.

Exit status: 0 done, 1 bad input, 2 a wrong command line or settings file, 130 interrupted.
"""

import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature

from cyclopts import App, CycloptsError, MissingArgumentError

from data.errors import InputError, SettingsError
from data.mirrors import with_addresses
from data.printable import printable
from pipeline.cli.store_places import check_command

log = logging.getLogger(__name__)

RESUME = "run the same command again to resume"
RESUME_OVERWRITING = "run the same command again, without --overwrite, to resume"

DEBUG = "--debug"

NO_MEMORY = "there is not enough memory"

OUT_OF_MEMORY = re.compile("out of memory|allocate memory|alloc_cpu|bad_alloc")
"""What torch and its libraries say where Python has a `MemoryError`."""

NO_THREAD = (
    "no thread can be started: there is not enough memory, or too many processes are running"
)

INTERRUPTED = 130
"""Exit status of a command that was interrupted."""

OUT_OF_THREADS = "can't start new thread"
"""What Python says then."""

STDOUT = "standard output"

PIPE_CLOSED = 141
"""Exit status of a program whose output nobody reads, 128 and the number of SIGPIPE."""


class PrintableFormatter(logging.Formatter):
    """Formats messages without the control characters that names of files may hold."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        return printable(with_addresses(super().format(record)))


def set_up_logging() -> None:
    """Log to stderr, without control characters."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PrintableFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for package in ("aiobotocore", "botocore"):  # which say where credentials come from
        logging.getLogger(package).setLevel(logging.WARNING)


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


def answer(text: object) -> None:
    """Print a result to stdout: to a terminal without control characters, to a program as it is.

    If `torchrun` started several processes, only the first one does.

    Raises:
        OSError: it cannot be written; it names standard output.
    """
    if os.environ.get("RANK", "0") != "0":
        return
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    line = with_addresses(str(text))
    try:
        print(printable(line) if is_terminal else line)
    except OSError as error:
        error.filename = STDOUT
        raise


def report(error: object) -> None:
    """Print `error` to stderr."""
    print(f"error: {printable(with_addresses(str(error)))}", file=sys.stderr)


def _run(program: App, arguments: Sequence[str]) -> int:
    try:
        check_command(arguments)
        status = program(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
        _flush()
    except CycloptsError as error:
        return _fail(_message_of(error, program), 2)
    except SettingsError as error:
        return _fail(error, 2)
    except (InputError, FloatingPointError) as error:
        return _fail(error, 1)
    except OSError as error:
        return _fail_of_system(error)
    except (MemoryError, RuntimeError) as error:
        return _fail_of_memory(error)
    except KeyboardInterrupt as interrupt:
        # Tasks that are cancelled now must not print their errors.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
        return _fail("; ".join(["interrupted", *map(str, interrupt.args)]), INTERRUPTED)
    return status if isinstance(status, int) else 0


@contextmanager
def resumable(hint: str = RESUME) -> Iterator[None]:
    """Add `hint` to the message of an interrupted command: it keeps its results so far."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(hint) from interrupt


def _flush() -> None:
    """Write what is left for stdout, or errors would come where nobody catches them."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _fail_of_memory(error: MemoryError | RuntimeError) -> int:
    """Print that memory or threads are short; return the status. Another error is a bug of ours."""
    if OUT_OF_THREADS in str(error):
        return _fail(NO_THREAD, 1, error)
    if isinstance(error, RuntimeError) and not OUT_OF_MEMORY.search(str(error)):
        raise error
    return _fail(NO_MEMORY, 1, error)


def _fail_of_system(error: OSError) -> int:
    """Print the reason of `error` and the name of its file; return the status."""
    if isinstance(error, BrokenPipeError):  # whoever reads the output has left, as `head` does
        _drop_output()
        return PIPE_CLOSED
    name = error.filename
    if name is None and not _is_output_written():
        name = STDOUT
        _drop_output()
    where = "" if name is None else f": {os.fsdecode(name) if isinstance(name, bytes) else name}"
    return _fail(f"{error.strerror or error}{where}", 1, error)


def _is_output_written() -> bool:
    """Whether all that was printed to stdout could be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        return False
    return True


def _drop_output() -> None:
    """Drop what is not written to stdout yet: the interpreter would fail once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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


def _fail(message: object, status: int, error: BaseException | None = None) -> int:
    """Print `message`, with --debug also the traceback of `error`, and return `status`."""
    error = message if error is None and isinstance(message, BaseException) else error
    if error is not None:
        log.debug("traceback:", exc_info=error)
    report(message)
    return status

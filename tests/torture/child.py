"""Work in a forked child, which starts with everything imported and may be limited or killed.

The parent never computes and starts no threads, so that its children can be forked safely.
"""

import faulthandler
import os
import re
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

LONGEST = 600
"""Most characters of the line of an error."""

ESCAPED = 70
"""Exit status of work that raised: what a command does not catch itself."""

BAD_OUTPUT = re.compile(r"Traceback \(most recent|Exception ignored|Exception in thread|Warning: ")

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Limits:
    """What a child may use; None is no limit."""

    descriptors: int | None = None
    memory: int | None = None
    """Bytes of address space beyond those that the child starts with."""
    file_size: int | None = None

    def apply(self) -> None:
        """Limit this process."""
        if self.descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))
        if self.memory is not None:
            most = address_space() + self.memory
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
        if self.file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_size, self.file_size))


UNLIMITED = Limits()


@dataclass(frozen=True)
class Ended:
    """How a child ended."""

    status: int
    """Exit status, or the negative number of the signal that killed it."""
    stderr: str
    seconds: float
    timed_out: bool = False

    @property
    def last_line(self) -> str:
        """The last line on stderr."""
        return self.stderr.rstrip("\n").rpartition("\n")[2]


@dataclass
class Child:
    """A forked child that runs."""

    pid: int
    log: Path
    ready: int
    """Descriptor of a pipe that ends when the child begins its work."""
    started: float = field(default_factory=time.monotonic)

    def wait_ready(self) -> None:
        """Wait until the work begins."""
        os.read(self.ready, 1)
        os.close(self.ready)
        self.ready = -1

    def ends_within(self, seconds: float) -> bool:
        """Whether the child ends within so many seconds."""
        descriptor = os.pidfd_open(self.pid)
        ending = select.poll()
        ending.register(descriptor, select.POLLIN)
        ended = ending.poll(max(seconds, 0) * 1000)
        os.close(descriptor)
        return bool(ended)

    def wait(
        self, timeout: float, *, after: float | None = None, how: signal.Signals = signal.SIGKILL
    ) -> Ended:
        """Wait for the end; send the signal `how` after so many seconds.

        A child that takes longer than `timeout` shows where it is, and is killed.
        """
        if self.ready >= 0:
            self.wait_ready()
        if after is not None and not self.ends_within(after):
            os.kill(self.pid, how)
        timed_out = not self.ends_within(timeout)
        if timed_out:
            os.kill(self.pid, signal.SIGUSR1)
            if not self.ends_within(1):
                os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        stderr = self.log.read_text(errors="replace")
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, stderr, time.monotonic() - self.started, timed_out)


def start(work: Callable[[], int], log: Path, limits: Limits = UNLIMITED) -> Child:
    """Fork a child that does `work` and exits with the status it returns; stderr goes to `log`."""
    ready, ready_in_child = os.pipe()
    pid = os.fork()
    if pid:
        os.close(ready_in_child)
        return Child(pid, log, ready)
    status = ESCAPED
    try:
        os.close(ready)
        _prepare(log, limits)
        os.close(ready_in_child)
        status = work()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001  as the interpreter does at its end
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def run(
    work: Callable[[], int], log: Path, limits: Limits = UNLIMITED, timeout: float = 60
) -> Ended:
    """Do `work` in a child; see `start`."""
    return start(work, log, limits).wait(timeout)


def fault(ended: Ended, allowed: tuple[int, ...] = (0, 1)) -> str:
    """Return what is wrong with how a command ended; empty if nothing is.

    It may do its work, or refuse with one line.
    """
    if ended.timed_out:
        return f"hangs: {_place(ended.stderr)}"
    if ended.status < 0:
        return f"died of {signal.Signals(-ended.status).name}: {ended.last_line[:200]}"
    if BAD_OUTPUT.search(ended.stderr):
        return f"traceback: {_place(ended.stderr)}"
    if ended.status not in allowed:
        return f"exit status {ended.status}: {ended.last_line[:200]}"
    return refusal_fault(ended.stderr) if ended.status == 1 else ""


def refusal_fault(stderr: str) -> str:
    """Return what is wrong with the lines of errors on stderr; empty if nothing is."""
    lines = stderr.rstrip("\n").split("\n")
    first = next((i for i, line in enumerate(lines) if line.startswith("error: ")), None)
    if first is None:
        return f"exit status 1 without an error: {lines[-1][:200]}"
    for line in lines[first:]:
        if not line.startswith("error: "):
            return f"an error of several lines: {line[:200]}"
        if problem := line_fault(line.removeprefix("error: ")):
            return problem
    return ""


def line_fault(line: str) -> str:
    """Return what is wrong with the line of an error; empty if nothing is."""
    if not line.strip() or line.strip() in ("None", ":"):
        return "an error without a message"
    if "\n" in line or "\r" in line:
        return f"an error of {len(line.splitlines())} lines: {line[:200]!r}"
    if len(line) > LONGEST:
        return f"an error of {len(line)} characters: {line[:200]}..."
    return f"control characters in an error: {line[:200]!r}" if CONTROL.search(line) else ""


def address_space() -> int:
    """Return the bytes of address space that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _prepare(log: Path, limits: Limits) -> None:
    """Make this process a child whose output goes to `log`."""
    os.nice(10)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDWR)
    for given, standard in ((null, 0), (null, 1), (output, 2)):
        os.dup2(given, standard)
    os.close(output)
    os.close(null)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  as long as the process
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    faulthandler.enable(file=sys.stderr)
    faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    limits.apply()


def _place(stderr: str) -> str:
    """Return the last line of a traceback, and the deepest place of our code in it."""
    ours = re.findall(r'File "[^"]*?/((?:data|coarse|refine|pipeline)/[^"]+)", line (\d+)', stderr)
    lines = [line for line in stderr.splitlines() if re.match(r"[\w.]+(Error|Exception)\b", line)]
    what = lines[-1] if lines else stderr.rstrip("\n").rpartition("\n")[2]
    return f"{what[:200]} at {':'.join(ours[-1]) if ours else 'no line of ours'}"

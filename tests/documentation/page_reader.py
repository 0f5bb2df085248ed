"""A reader who runs what a page says, in this process and on tiny photos."""

import importlib
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from pipeline.cli.program import run
from tests.builders import foveamask
from tests.documentation.beginnings import studio
from tests.documentation.page_steps import Step

SERVING = re.compile(r"serving (http://\S+);")

SERVER = "http://127.0.0.1:8000"
"""Where pages say that `foveamask serve` is."""

SECONDS = 120
"""Longest time that a command in the foreground may take to begin; the machine may be busy."""


class Reader:
    """Runs steps in the working directory."""

    def __init__(self, visits: list[Step], places: dict[str, str]) -> None:
        self.visits = visits
        """What is asked of servers while they run."""
        self.places = places
        """Addresses and folders of the page, and what they are here."""
        self.names: dict[str, Any] = {}

    def run(self, step: Step) -> int:
        """Run a step; return its exit status."""
        text = step.text
        for there, here in self.places.items():
            text = text.replace(there, here)
        if step.language == "python":
            exec(compile(text, step.page, "exec"), self.names)
            return 0
        if text.startswith("cd "):
            os.chdir(text.split()[1])
            return 0
        if text.startswith("python -m benchmarks."):
            _, _, module, *arguments = words_of(text)
            with warnings.catch_warnings(action="ignore"):  # of what they compare with
                return run(importlib.import_module(module).app, arguments)
        if not text.startswith("foveamask "):
            return shell(text)
        return self._ours(text)

    def _ours(self, text: str) -> int:
        with ExitStack() as streams:
            text = redirected(text, streams)
            _, command, *options = words_of(text)
            if command == "demo-data":
                prepare_studio(options)
            if command in {"check", "train", "train-coarse"} and "--config" not in options:
                options = [*without_time(options), "--config", "tiny.toml"]
            if command in {"serve", "review"}:
                with self._visited():
                    return foveamask(command, *options, "--port", 0)
            if "--watch" in options:
                out = Path(options[1])
                with stopped_when(lambda: any(out.glob("*.png")) or any(out.glob("*.webp"))):
                    return foveamask(command, *options)
            return foveamask(command, *options)

    @contextmanager
    def _visited(self) -> Iterator[None]:
        """Once a server runs, run the steps that ask it, accept all that it has, and stop it."""
        addresses = Addresses()

        def visit() -> None:
            address = addresses.found[0]
            assert urllib.request.urlopen(address, timeout=60).status == 200
            for step in self.visits:
                asked = step.text.replace(SERVER, address).replace("curl ", "curl --fail ", 1)
                assert shell(asked) == 0, step.text
            accept_all(address)

        logging.getLogger("pipeline").addHandler(addresses)
        try:
            with stopped_when(lambda: bool(addresses.found), visit):
                yield
        finally:
            logging.getLogger("pipeline").removeHandler(addresses)


class Addresses(logging.Handler):
    """Hears where servers are."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found += SERVING.findall(record.getMessage())


@contextmanager
def stopped_when(
    begun: Callable[[], bool], then: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Do something once the block has `begun`, and end the block as Ctrl-C does."""
    over, problems = threading.Event(), list[BaseException]()
    before = signal.getsignal(signal.SIGTERM)

    def watch() -> None:
        for _ in range(SECONDS * 20):
            is_caught = signal.getsignal(signal.SIGTERM) != before  # or it would end the tests
            if (is_caught and begun()) or over.wait(0.05):
                break
        try:
            if not over.is_set():
                then()
        except BaseException as problem:  # noqa: BLE001  raised below, in the thread of the test
            problems.append(problem)
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if problems:
        raise problems[0]


def accept_all(address: str) -> None:
    """Accept all masks if the server is a review."""
    try:
        batch = json.load(urllib.request.urlopen(f"{address}/v1/review", timeout=60))
    except urllib.error.HTTPError:
        return
    for photo in batch["photos"]:
        request = urllib.request.Request(
            f"{address}/v1/review/accept",
            json.dumps({"name": photo["name"]}).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=60).close()


def prepare_studio(options: list[str]) -> None:
    """Put tiny photos where `demo-data` would put large ones; it leaves alone what is there."""
    numbers = {name: int(value) for name, value in zip(options[1::2], options[2::2], strict=True)}
    studio(
        Path(options[0]), numbers["--cars"], numbers.get("--angles", 16), numbers.get("--seed", 0)
    )


def without_time(options: list[str]) -> list[str]:
    """Leave out `--time`, which would be kept."""
    if "--time" not in options:
        return options
    at = options.index("--time")
    return options[:at] + options[at + 2 :]


def redirected(text: str, streams: ExitStack) -> str:
    """Open what follows < and >; return the command without them."""
    for sign, name in re.findall(r" ([<>]) (\S+)", text):
        if sign == "<":
            given, before = io.TextIOWrapper(io.BytesIO(Path(name).read_bytes())), sys.stdin
            streams.callback(setattr, sys, "stdin", before)
            sys.stdin = given
        else:
            streams.enter_context(written_to(Path(name)))
    return re.sub(r" [<>] \S+", "", text)


@contextmanager
def written_to(path: Path) -> Iterator[None]:
    """Write standard output to a file."""
    with path.open("w") as file, redirect_stdout(file):
        yield


def words_of(text: str) -> list[str]:
    """The words of a command, as a shell gives them to it."""
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {text}"], capture_output=True, text=True, check=True
    )
    return done.stdout.split("\0")[:-1]


def shell(text: str) -> int:
    """Run a command of other programs; `python` is the one of the tests."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(["bash", "-c", text], env=environment, timeout=SECONDS).returncode

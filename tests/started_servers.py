"""Commands that serve pages, as processes of their own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Started:
    """A command that takes requests."""

    process: "subprocess.Popen[str]"
    address: str
    said: str
    """What it wrote to stderr until then."""


@contextmanager
def started(*arguments: object) -> Iterator[Started]:
    """Run a command of ours on a free port, until the block ends."""
    command = [sys.executable, "-m", "pipeline", *map(str, arguments), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            assert process.stderr is not None
            said = ""
            while not (found := re.search(r"serving (http://\S+);", said)):
                line = process.stderr.readline()
                assert line, said
                said += line
            yield Started(process, found[1], said)
        finally:
            process.kill()

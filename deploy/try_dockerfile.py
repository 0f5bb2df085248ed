"""Run the steps of the Dockerfile without Docker, each stage in a root folder of its own.

    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm BASE
    python deploy/try_dockerfile.py BASE WORK [--build-arg NAME=VALUE ...] [--copy HERE=THERE ...]

Needs root, and the package dockerfile-parse. BASE takes the place of the images that stages begin
with: Debian 12 has the same Python as python:3.11-slim-bookworm. Then HEALTHCHECK, ENTRYPOINT and
CMD run as the user that the Dockerfile names. Exits with 1 if one of them fails. What this leaves
open is whether Docker's own images behave the same.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parent.parent

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

PASSED_ON = ("PIP_CERT", "PIP_DEFAULT_TIMEOUT")
"""Variables of this machine that its network may need."""


@dataclass
class Stage:
    """A stage that is being built."""

    root: Path
    folder: str = "/"
    user: str = "0"
    variables: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    parts: dict[str, list[str]] = field(default_factory=dict)
    """ENTRYPOINT, CMD and HEALTHCHECK, once they are known."""

    def run(self, *command: str, check: bool = True) -> int:
        """Run a command in the stage, as its user, and return its exit status."""
        there = {"HOME": "/"} | self.variables
        there |= {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        script = f"cd {shlex.quote(self.folder)} && exec {shlex.join(command)}"
        variables = [f"{name}={value}" for name, value in there.items()]
        chroot = ["chroot", f"--userspec={self.user}:{self.user}", str(self.root)]
        inside = ["/usr/bin/env", "-i", *variables, "/bin/sh", "-c", script]
        return subprocess.run([*chroot, *inside], check=check).returncode

    def path(self, place: str) -> Path:
        """Return where a path of the stage is on this machine."""
        return self.root / os.path.join(self.folder, place).lstrip("/")  # noqa: PTH118

    def expanded(self, text: str) -> str:
        """Return `text` with the variables of the stage."""
        for name, value in self.variables.items():
            text = text.replace(f"${{{name}}}", value).replace(f"${name}", value)
        return text


def build(base: Path, work: Path, arguments: dict[str, str], extra: dict[str, str]) -> Stage:
    """Run the steps of all stages; return the last one."""
    stages: dict[str, Stage] = {}
    stage = Stage(base)
    for step in DockerfileParser(str(ROOT / "Dockerfile")).structure:
        kind, value = step["instruction"], step["value"]
        print(f"{kind} {value}", file=sys.stderr)
        if kind == "FROM":
            name = value.split()[2] if " AS " in value else str(len(stages))
            stage = stages[name] = begun(base, work / name, extra)
        elif kind == "COPY":
            copy(value.split(), stage, stages)
        elif kind == "ARG":
            name, _, default = value.partition("=")
            stage.variables[name] = arguments.get(name, default.strip('"'))
        else:
            STEPS[kind](stage, value)
    return stage


def begun(base: Path, root: Path, extra: dict[str, str]) -> Stage:
    """Return a new stage, with some files of this machine in it."""
    stage = Stage(root)
    subprocess.run(["cp", "-a", str(base), str(root)], check=True)
    for here, there in extra.items():
        stage.path(there).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(here, stage.path(there))
    return stage


def set_variables(stage: Stage, value: str) -> None:
    """Do what ENV does."""
    for item in shlex.split(value):
        name, _, text = item.partition("=")
        stage.variables[name] = stage.expanded(text)


def enter(stage: Stage, value: str) -> None:
    """Do what WORKDIR does."""
    stage.folder = value
    stage.path("").mkdir(parents=True, exist_ok=True)


def remember(kind: str, stage: Stage, value: str) -> None:
    """Keep a command of the image, which is a list in JSON."""
    stage.parts[kind] = json.loads(value[value.index("[") :])


STEPS: dict[str, Callable[[Stage, str], object]] = {
    "RUN": lambda stage, value: stage.run("/bin/sh", "-c", value),
    "ENV": set_variables,
    "WORKDIR": enter,
    "USER": lambda stage, value: setattr(stage, "user", value),
    "EXPOSE": lambda *_: None,
    "COMMENT": lambda *_: None,
} | {kind: partial(remember, kind) for kind in ("ENTRYPOINT", "CMD", "HEALTHCHECK")}
"""What is done for each instruction but FROM, COPY and ARG."""


def copy(words: Sequence[str], stage: Stage, stages: dict[str, Stage]) -> None:
    """Do what COPY does for files and folders."""
    other = words[0].startswith("--from=") and stages[words[0].removeprefix("--from=")]
    *sources, target = words[1:] if other else words
    for source in sources:
        place = other.root / source.lstrip("/") if other else ROOT / source
        goal = stage.path(target)
        if place.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(place, goal, symlinks=True, ignore=ignored, dirs_exist_ok=True)
        else:
            goal = goal / place.name if target.endswith("/") else goal
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(place, goal)


def is_healthy(stage: Stage) -> bool:
    """Start the command of the image, and whether its HEALTHCHECK passes, and fails afterwards."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os._exit(stage.run(*stage.parts["ENTRYPOINT"], *stage.parts["CMD"], check=False))
    try:
        for _ in range(60):
            time.sleep(2)
            if stage.run(*stage.parts["HEALTHCHECK"], check=False) == 0:
                break
        else:
            return False
    finally:
        os.killpg(pid, 15)
        os.waitpid(pid, 0)
    time.sleep(5)
    return stage.run(*stage.parts["HEALTHCHECK"], check=False) != 0


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """Return NAME=VALUE texts as a dict."""
    return dict(text.split("=", 1) for text in texts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build and check; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--build-arg", action="append", default=[])
    parser.add_argument("--copy", action="append", default=[])
    given = parser.parse_args(arguments)
    given.work.mkdir()
    stage = build(given.base, given.work, pairs(given.build_arg), pairs(given.copy))
    megabytes = sum(p.lstat().st_size for p in stage.root.rglob("*") if p.is_file()) / 1e6
    base = sum(p.lstat().st_size for p in given.base.rglob("*") if p.is_file()) / 1e6
    print(f"the last stage has {megabytes:.0f} MB, of which {base:.0f} are of its base")
    if not is_healthy(stage):
        print("the health check is wrong")
        return 1
    print("healthy while the server runs, as the user of the image, and not after that")
    return 0


if __name__ == "__main__":
    sys.exit(main())

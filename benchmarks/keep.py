"""Runs a command of the benchmarks and keeps the tables that it prints for the documentation.

    CARVANA=/data/carvana python -m benchmarks.keep seams CARVANA --every 12
    CARVANA=/data/carvana python -m benchmarks.keep
    python -m benchmarks.results_pages

A word in capitals stands for the folder in the environment variable of that name. Without a
command, all that is kept is measured again, in some hours. The last command puts the tables into
the pages.
"""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import torch
from cyclopts import App, Parameter

from benchmarks.kept_tables import FOLDER, MODEL_LINE, KeptTables, all_kept, tables_in
from benchmarks.machine import computing_type, device_name
from data.errors import InputError, SettingsError
from data.files import write_bytes
from pipeline.cli.program import run

app = App(name="python -m benchmarks.keep", help=__doc__, help_format="plaintext")

PLACEHOLDER = re.compile(r"[A-Z][A-Z_0-9]+")


@app.default
def keep(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)], folder: Path = FOLDER
) -> None:
    """Run a command, print what it prints, and keep its tables.

    Args:
        command: module of `benchmarks` and its arguments; by default all commands that are kept.
        folder: where tables are kept.

    Raises:
        InputError: the command fails, or prints no table.
        SettingsError: a word in capitals is no environment variable.
    """
    commands = [list(command)] if command else [kept.command.split() for kept in all_kept(folder)]
    folder.mkdir(parents=True, exist_ok=True)
    for words in commands:
        kept = measured(words)
        write_bytes(folder / f"{kept.name}.json", kept.to_json().encode())


def measured(words: list[str]) -> KeptTables:
    """Return what a command prints now.

    Raises:
        InputError: it fails, or prints no table.
        SettingsError: a word in capitals is no environment variable.
    """
    command = " ".join(words)
    call = [sys.executable, "-m", f"benchmarks.{words[0]}", *map(filled, words[1:])]
    ended = subprocess.run(call, check=False, stdout=subprocess.PIPE, text=True)
    print(ended.stdout)
    found = tuple(tables_in(ended.stdout))
    if ended.returncode or not found:
        raise InputError(f"{command} ended with status {ended.returncode}, {len(found)} tables")
    model = MODEL_LINE.search(ended.stdout)
    return KeptTables(
        command=command,
        date=datetime.now(UTC).date().isoformat(),
        processor=processor(),
        model=model[1] if model else "",
        photos=int(model[2]) if model else 0,
        tables=found,
    )


def processor() -> str:
    """Return the name of the processor, and the type that networks compute in there."""
    cpu = torch.device("cpu")
    return f"{device_name(cpu)} ({computing_type(cpu)})"


def filled(word: str) -> str:
    """Return the folder that a word in capitals stands for, and any other word as it is.

    Raises:
        SettingsError: there is no such environment variable.
    """
    if not PLACEHOLDER.fullmatch(word):
        return word
    if word not in os.environ:
        raise SettingsError(f"set the environment variable {word} to a folder")
    return os.environ[word]


if __name__ == "__main__":
    sys.exit(run(app, sys.argv[1:]))

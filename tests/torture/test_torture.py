"""The tool itself: a few cases of each campaign, and that it notices what is broken."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_runs import small_run
from tests.torture.campaign import Checked, Problem
from tests.torture.child import Ended, fault
from tests.torture.mutator import KINDS, mutate
from tests.torture.readers import READERS
from tests.torture.report import Tally

ROOT = Path(__file__).parents[2]
CAMPAIGNS = ("kills", "fuzz", "full-disk", "few-descriptors", "low-memory", "two-at-once")

PROBE = """
import os, signal, sys, time
from pathlib import Path
from tests.torture import child
from tests.torture.file_faults import FileFaults

folder, mode, at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def work():
    faults = FileFaults(folder, mode, at)
    faults.install()
    (folder / "new").mkdir()
    (folder / "part").write_bytes(b"0123456789")
    (folder / "part").replace(folder / "whole")
    return len(faults.names)

ended = child.run(work, Path(sys.argv[4]))
print(ended.status, "interrupt" if "KeyboardInterrupt" in ended.stderr else ended.last_line)
"""
"""Operations: 0 makes a folder, 1 opens a file, 2 writes to it, 3 renames it."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a short run of all campaigns found, by campaign."""
    out = tmp_path_factory.mktemp("torture")
    command = [sys.executable, "-m", "tests.torture", "--most", "2", "--minutes", "60"]
    command += ["--out", str(out)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 1), ended.stderr
    campaigns = json.loads((out / "results.json").read_text())["campaigns"]
    return {campaign["campaign"]: campaign for campaign in campaigns}


@pytest.mark.slow
@pytest.mark.parametrize("name", CAMPAIGNS)
def test_the_first_cases_of_a_campaign_break_nothing(found: dict[str, Any], name: str):
    assert found[name]["tried"] >= 2
    assert found[name]["findings"] == []


def test_a_reader_reads_what_a_training_leaves(tmp_path: Path):
    (reader,) = (reader for reader in READERS if reader.name == "checkpoint")
    for name in ("one", "same"):
        small_run(tmp_path / name)

    assert repr(reader.read(tmp_path / "one")) == repr(reader.read(tmp_path / "same"))


@pytest.mark.parametrize(
    ("mode", "at", "left"),
    [
        ("kill", 0, {}),
        ("kill", 1, {"new": None}),
        ("kill", 2, {"new": None, "part": b""}),
        ("torn", 2, {"new": None, "part": b"01234"}),
        ("kill", 3, {"new": None, "part": b"0123456789"}),
        ("count", -1, {"new": None, "whole": b"0123456789"}),
    ],
)
def test_a_process_is_killed_at_the_operation_that_was_asked_for(
    tmp_path: Path, mode: str, at: int, left: dict[str, bytes | None]
):
    folder = tmp_path / "folder"
    folder.mkdir()

    said = probe(folder, mode, at)

    assert said.split()[0] == ("4" if mode == "count" else str(-signal.SIGKILL))
    assert {path.name: content(path) for path in folder.iterdir()} == left


def test_an_operation_is_interrupted_or_finds_no_room(tmp_path: Path):
    assert probe(tmp_path, "interrupt", 2).split()[1] == "interrupt"
    (tmp_path / "new").rmdir()
    assert "No space left on device" in probe(tmp_path, "full", 2)


@pytest.mark.parametrize(
    ("ended", "what"),
    [
        (Ended(0, "predicting 4/4\n", 1), ""),
        (Ended(1, "error: a.jpg is damaged\n", 1), ""),
        (Ended(1, "error: a.jpg is\ndamaged\n", 1), "several lines"),
        (Ended(1, "error: \n", 1), "without a message"),
        (Ended(1, "error: \x1b[31m\n", 1), "control characters"),
        (Ended(1, f"error: {'x' * 601}\n", 1), "601 characters"),
        (Ended(1, "nothing\n", 1), "without an error"),
        (Ended(2, "error: no\n", 1), "exit status 2"),
        (Ended(-11, "", 1), "SIGSEGV"),
        (Ended(1, "Traceback (most recent call last):\nKeyError: 1\n", 1), "traceback: KeyError"),
        (Ended(0, "", 60, timed_out=True), "hangs"),
    ],
)
def test_what_is_wrong_with_the_end_of_a_command_is_told(ended: Ended, what: str):
    assert (what in fault(ended)) if what else not fault(ended)


def test_damage_is_the_same_for_the_same_seed_and_of_every_kind():
    data, donors = bytes(range(200)) * 5, [b"another beginning" * 30]

    first = [mutate(data, donors, random.Random(seed)) for seed in range(300)]
    again = [mutate(data, donors, random.Random(seed)) for seed in range(300)]

    assert first == again
    assert {name for names, _ in first for name in names.split("+")} == {n for n, _ in KINDS}
    assert sum(changed != data for _, changed in first) > 270


def test_problems_that_look_alike_are_one_finding(tmp_path: Path):
    tally = Tally("fuzz")

    for number, error in ((3, "KeyError"), (8, "KeyError"), (9, "IndexError")):
        what = f"flip of a.png: {error}: {number} at masks.py:20"
        tally.add(Checked([Problem(f"mask-png/0/{number}", what)], 10), tmp_path)

    assert (tally.num_tried, tally.num_broken, len(tally.findings)) == (30, 3, 2)
    assert "fuzz/mask-png/0/3" in tally.described(next(iter(tally.findings.values())))


def probe(folder: Path, mode: str, at: int) -> str:
    """Make a folder and a file in a child with a fault; return its exit status and last line."""
    log = folder.parent / f"{folder.name}.log"
    command = [sys.executable, "-c", PROBE, str(folder), mode, str(at), str(log)]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    ).stdout


def content(path: Path) -> bytes | None:
    return None if path.is_dir() else path.read_bytes()

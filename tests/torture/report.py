"""What the campaigns found, as text, as JSON and as a table."""

import json
import os
import platform
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.markdown import table
from tests.torture.campaign import Checked, Problem

REPEAT = 'make torture TORTURE="--case {}/{}"'


@dataclass
class Finding:
    """Problems that look alike."""

    first: Problem
    count: int = 1


@dataclass
class Tally:
    """What a campaign has tried so far, and what broke."""

    campaign: str
    num_tried: int = 0
    seconds: float = 0.0
    findings: dict[str, Finding] = field(default_factory=dict)
    """By what they have in common."""
    notes: set[str] = field(default_factory=set)

    @property
    def num_broken(self) -> int:
        """Number of cases that broke."""
        return sum(finding.count for finding in self.findings.values())

    def add(self, checked: Checked, keep: Path) -> None:
        """Add what became of a case, and keep its files unless such a problem is known."""
        self.num_tried += checked.num_tried
        self.notes.update({checked.note} - {""})
        for problem in checked.problems:
            key = f"{problem.case.partition('/')[0]}: {alike(problem.what)}"
            if key in self.findings:
                self.findings[key].count += 1
                _remove(problem.kept)
                continue
            kept = _moved(problem, keep / f"{self.campaign}-{problem.case.replace('/', '-')}")
            self.findings[key] = Finding(Problem(problem.case, problem.what, kept))
            print(self.described(self.findings[key]), flush=True)

    def described(self, finding: Finding) -> str:
        """Return the lines of a finding."""
        first = finding.first
        often = f" ({finding.count} alike)" if finding.count > 1 else ""
        repeat = REPEAT.format(self.campaign, first.case)
        return f"BROKE {self.campaign}/{first.case}: {first.what}{often}\n      {repeat}"

    def to_json(self) -> dict[str, Any]:
        """Return this as values of JSON."""
        return {
            "campaign": self.campaign,
            "tried": self.num_tried,
            "broken": self.num_broken,
            "seconds": round(self.seconds, 1),
            "notes": sorted(self.notes),
            "findings": [
                {
                    "case": f"{self.campaign}/{finding.first.case}",
                    "what": finding.first.what,
                    "count": finding.count,
                    "kept": str(finding.first.kept or ""),
                }
                for finding in self.findings.values()
            ],
        }


def write(tallies: list[Tally], out: Path, seed: int) -> str:
    """Write results.json and table.md to `out`; return the table."""
    found = {"seed": seed, "machine": machine(), "campaigns": [t.to_json() for t in tallies]}
    (out / "results.json").write_text(json.dumps(found, indent=2) + "\n")
    rows = [
        (
            t.campaign,
            f"{t.num_tried:,}",
            str(len(t.findings)),
            str(t.num_broken),
            f"{t.seconds:.0f}",
        )
        for t in tallies
    ]
    text = table(("campaign", "cases", "findings", "cases that broke", "seconds"), rows)
    (out / "table.md").write_text(text)
    return text


def machine() -> str:
    """Return a line on the machine."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def alike(what: str) -> str:
    """Return what problems of one kind have in common: all but numbers and names of folders."""
    what = what.partition(" of ")[2] or what
    return re.sub(r"/\S+|\d+|0x[0-9a-f]+|'.*'|\".*\"", "#", what)[:160]


def _moved(problem: Problem, to: Path) -> Path | None:
    if problem.kept is None or not problem.kept.exists():
        return None
    shutil.rmtree(to, ignore_errors=True)
    to.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(problem.kept, to))


def _remove(folder: Path | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)

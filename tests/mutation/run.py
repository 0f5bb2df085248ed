"""Mutation testing: which changes of the code the tests do not notice.

python tests/mutation/run.py [MODULE ...] [--sample N] [--resume | --survivors | --report]

Each module of table.toml has a folder in mutants/ of its own, where mutmut changes it in a
thousand ways, one at a time, and runs the tests that the table names. Afterwards, or at any time
from another terminal with --report, mutants/report.md holds the share of the changes that the
tests notice, and mutants/survivors.txt those that they do not. Left out of both are the changes
that accepted.toml gives a reason for; the report says how many each reason is for.
"""

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import accepted
import tomli_w
from mutmut.configuration import reset_config
from mutmut.mutation.diff_apply import get_diff_for_mutant

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FOLDER = ROOT / "mutants"
UNNOTICED = {"survived", "no tests"}

SETTINGS: dict[str, Any] = {
    "pytest_add_cli_args": ["-m", "not slow", "-p", "no:cacheprovider"],
    # Messages are for people: their wording is not tested word by word.
    "do_not_mutate_patterns": [r"^\s*raise ", r"^\s*log\."],
    "process_isolation": "forkserver",
    "timeout_constant": 4.0,
    "timeout_multiplier": 10.0,
    "track_dependencies": False,
    "use_git_change_detection": False,
    "on_dependency_change": "ignore",
    "use_setproctitle": False,
}


class Mutant(NamedTuple):
    """A change of one function, and what became of it."""

    module: str
    name: str
    outcome: str


class Survivor(NamedTuple):
    """A mutant that no test notices, where and what it is, and why that is accepted if it is."""

    mutant: Mutant
    line: int
    change: list[str]
    reason: str | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="files of the table; all of them by default")
    parser.add_argument("--sample", type=int, help="so many mutants of each module, not all")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--resume", action="store_true", help="go on where a run has ended")
    how.add_argument("--survivors", action="store_true", help="try again what has survived")
    how.add_argument("--report", action="store_true", help="only report what has been run")
    options = parser.parse_args()
    table = tomllib.loads((HERE / "table.toml").read_text())["modules"]
    if unknown := set(options.modules) - set(table):
        parser.error(f"not in table.toml: {', '.join(sorted(unknown))}")
    for module in [] if options.report else options.modules or table:
        if options.survivors:
            retry(module, [find_test(name) for name in table[module]])
        else:
            if not options.resume or not workspace(module).exists():
                prepare(module, [find_test(name) for name in table[module]])
            mutmut(module, sample=options.sample)
    report(list(table))


def find_test(name: str) -> str:
    """Return the path of the one file of tests of that name."""
    (path,) = (ROOT / "tests").rglob(f"test_{name}.py")
    return str(path.relative_to(ROOT))


def workspace(module: str) -> Path:
    """Return the folder in which a module is changed."""
    return FOLDER / module.removesuffix(".py").replace("/", ".")


def prepare(module: str, tests: list[str]) -> None:
    """Begin with a new copy of the repository, and settings for mutmut in it."""
    copy = workspace(module)
    shutil.rmtree(copy, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    configure(module, tests)


def configure(module: str, tests: list[str]) -> None:
    """Write settings for mutmut into the copy made for a module."""
    copy = workspace(module)
    packages = sorted(path.parent.name for path in copy.glob("*/__init__.py"))
    others = {path.name for path in copy.iterdir()} - {*packages, "mutants", "log.txt"}
    settings = SETTINGS | {
        "source_paths": packages,
        "only_mutate": [module],
        "also_copy": sorted(others),
        "pytest_add_cli_args_test_selection": ["--hypothesis-profile=mutants", *tests],
    }
    text = (ROOT / "pyproject.toml").read_text()
    tables = tomli_w.dumps({"tool": {"mutmut": settings}})
    (copy / "pyproject.toml").write_text(f"{text}\n{tables}")


def retry(module: str, tests: list[str]) -> None:
    """Run the tests as they are now on what survived them as they were.

    Raises:
        SystemExit: the module is another one by now, whose mutants are others.
    """
    copy = workspace(module)
    if (ROOT / module).read_text() != (copy / module).read_text():
        sys.exit(f"{module} has changed; run it without --survivors")
    shutil.copytree(ROOT / "tests", copy / "tests", dirs_exist_ok=True)
    configure(module, tests)
    (copy / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    if names := [mutant.name for mutant in mutants(module) if mutant.outcome in UNNOTICED]:
        mutmut(module, names)


def mutmut(module: str, names: Sequence[str] = (), sample: int | None = None) -> None:
    """Run mutmut on the copy made for a module, on the mutants of these names or on all."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    if sample:
        environment["MUTANTS_SAMPLE"] = str(sample)
    print(f"{module}: see {workspace(module).relative_to(ROOT)}/log.txt", flush=True)
    with (workspace(module) / "log.txt").open("w") as log:
        ended = subprocess.run(
            [sys.executable, HERE / "adapter.py", "run", "--max-children", "1", *names],
            cwd=workspace(module),
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode:
        sys.exit(f"mutmut failed on {module}")


def mutants(module: str) -> list[Mutant]:
    """Return the mutants of a module and what became of them so far."""
    path = workspace(module) / "mutants" / f"{module}.meta"
    if not path.exists():
        return []
    codes = json.loads(path.read_text())["exit_code_by_key"]
    return [Mutant(module, name, outcome_of(code)) for name, code in codes.items()]


def outcome_of(code: int | None) -> str:
    """Return what an exit code of the tests means."""
    if code is None:
        return "to do"
    if code in (5, 33):
        return "no tests"
    if code in (-24, 24, 152, -9):
        return "timeout"
    return "killed" if code else "survived"


def report(modules: list[str]) -> None:
    """Write the table of shares and the list of survivors, and print the table."""
    found = {module: mutants(module) for module in modules}
    unnoticed = {module: list(survivors(module, own)) for module, own in found.items()}
    names = ("killed", "timeout", "accepted", "survived", "no tests", "to do")
    lines = [
        f"| module | mutants | {' | '.join(names)} | noticed |",
        "|---" * (len(names) + 3) + "|",
    ]
    total: Counter[str] = Counter()
    for module, own in found.items():
        counts = Counter(mutant.outcome for mutant in own)
        for one in unnoticed[module]:
            if one.reason:
                counts.subtract([one.mutant.outcome])
                counts["accepted"] += 1
        total.update(counts)
        lines.append(row(module, counts, names))
    lines.append(row("all", total, names))
    together = [one for own in unnoticed.values() for one in own]
    reasons = Counter(one.reason for one in together)
    lines += ["", "Accepted:", ""]
    lines += [f"* {reasons[entry.reason]}: {entry.reason}" for entry in accepted.load()]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "report.md").write_text("\n".join(lines) + "\n")
    (FOLDER / "survivors.txt").write_text("\n".join(listed(together)))
    print("\n".join(lines))


def row(name: str, counts: Counter[str], names: Sequence[str]) -> str:
    """Return the row of the table for a module, or for all."""
    noticed, left_out = counts["killed"] + counts["timeout"], counts["accepted"] + counts["to do"]
    tried = counts.total() - left_out
    share = f"{noticed / tried:.1%}" if tried else ""
    cells = [name, counts.total(), *(counts[name] for name in names), share]
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def survivors(module: str, own: Sequence[Mutant]) -> Iterator[Survivor]:
    """Yield the mutants of a module that no test noticed."""
    unnoticed = [mutant for mutant in own if mutant.outcome in UNNOTICED]
    if not unnoticed:
        return
    entries, before = accepted.load(), Path.cwd()
    os.chdir(workspace(module))
    reset_config()
    for mutant in unnoticed:
        diff = get_diff_for_mutant(mutant.name, path=module).splitlines()
        change = [line for line in diff[2:] if line[0] in "+-"]
        reason = accepted.reason_of(module, change, entries)
        yield Survivor(mutant, place(Path(module), mutant.name, diff), change, reason)
    os.chdir(before)


def listed(unnoticed: Iterable[Survivor]) -> Iterator[str]:
    """Yield a block for each survivor that is not accepted: its place, its name, what changed."""
    for mutant, line, change, reason in unnoticed:
        if not reason:
            name = mutant.name.rpartition(".")[2]
            yield f"{mutant.module}:{line} {name} ({mutant.outcome})"
            yield from (f"    {line}" for line in change)
            yield ""


def place(path: Path, name: str, diff: list[str]) -> int:
    """Return the line of a module that a mutant changes first."""
    mangled = name.rpartition(".")[2].rpartition("__mutmut_")[0]
    *owner, function = re.split("ǁ", mangled.removeprefix("x_").removeprefix("xǁ"))
    body: list[ast.stmt] = ast.parse(path.read_text()).body
    for part in owner:
        (body,) = (node.body for node in body if getattr(node, "name", "") == part)  # type: ignore
    node = next(node for node in body if getattr(node, "name", "") == function)
    first: int = min(d.lineno for d in [node, *getattr(node, "decorator_list", [])])
    offset = int(re.findall(r"@@ -(\d+)", diff[2])[0]) - 1
    context = next(i for i, line in enumerate(diff[3:]) if line[0] in "+-")
    return first + offset + context


if __name__ == "__main__":
    main()

"""What the package and each of its extras take on disk, in a fresh virtual environment.

    python -m benchmarks.extras_size

An extra counts what it adds to the package alone. pip decides where packages come from; with an
index or a folder of wheels that has the CPU build of torch, that is what is measured.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App

from benchmarks.markdown import table
from data.errors import SettingsError
from pipeline.cli.program import run

app = App(name="python -m benchmarks.extras_size", help=__doc__, help_format="plaintext")

ROOT = Path(__file__).parent.parent

OF_USERS = ("serve", "export", "heic", "cluster")
"""The extras that users install; the others are for work on the package itself."""

HEADER = ("installed", "packages", "MB on disk", "the largest of them")


def size_of(folder: Path) -> int:
    """Return the bytes of all files in `folder` and below."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def pip(python: Path, *arguments: str) -> str:
    """Run pip of the environment of `python`, and return what it prints."""
    command = [str(python), "-m", "pip", *arguments]
    return subprocess.run(command, check=True, cwd=ROOT, text=True, capture_output=True).stdout


def added_by(python: Path, extra: str) -> list[str]:
    """Return what pip would install for an extra, with the versions, where the package is."""
    options = ("--quiet", "--dry-run", "--report", "-", "-c", "constraints.txt")
    report = json.loads(pip(python, "install", *options, f".[{extra}]"))
    found = [item["metadata"] for item in report["install"]]
    return [f"{one['name']}=={one['version']}" for one in found if one["name"] != "foveamask"]


def sizes(python: Path, requirements: Sequence[str]) -> dict[str, int]:
    """Return the bytes of each of `requirements`, installed without what it depends on."""
    found = {}
    for requirement in requirements:
        with tempfile.TemporaryDirectory() as folder:
            pip(python, "install", "--quiet", "--no-deps", "--target", folder, requirement)
            found[requirement.partition("==")[0]] = size_of(Path(folder))
    return found


def installed(python: Path) -> dict[str, int]:
    """Return the bytes of each package in the environment of `python`, but for pip itself."""
    code = (
        "import importlib.metadata as m, json; print(json.dumps({d.metadata['Name']: "
        "sum(f.size or 0 for f in d.files or ()) for d in m.distributions()}))"
    )
    output = subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True)
    found: dict[str, int] = json.loads(output.stdout)
    return {name: size for name, size in found.items() if name not in ("pip", "setuptools")}


def row(name: str, found: dict[str, int]) -> tuple[str, ...]:
    """Return the row of the table for packages by their bytes."""
    largest = sorted(found, key=lambda package: -found[package])[:3]
    listed = ", ".join(f"{package} {found[package] / 1e6:.0f}" for package in largest)
    return name, str(len(found)), f"{sum(found.values()) / 1e6:.0f}", listed


@app.default
def measure(*extras: str) -> None:
    """Print the table.

    Args:
        extras: which ones; by default those that users install.
    """
    wanted = extras or OF_USERS
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra in wanted:
        if extra not in project["optional-dependencies"]:
            raise SettingsError(f"there is no extra {extra}")
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        pip(python, "install", "--quiet", "-c", "constraints.txt", ".")
        rows = [row("foveamask", installed(python))]
        for extra in wanted:
            print(f"measuring {extra}", file=sys.stderr)
            rows.append(row(f"+ [{extra}]", sizes(python, added_by(python, extra))))
    print(table(HEADER, rows))


if __name__ == "__main__":
    sys.exit(run(app))

"""What the package and each of its extras take on disk, as they are installed here.

    pip install ".[serve,export,heic,cluster,s3]"
    python -m benchmarks.extras_size

Nothing is installed or downloaded: what a package requires and which files it has is in its
metadata, so any environment will do that has the packages, among others or not. An extra counts
what it adds to the package alone, with all that its packages require in turn. Two extras that need
the same package both count it.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from cyclopts import App
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.markdown import table
from data.errors import InputError, SettingsError
from pipeline.cli.program import run

app = App(name="python -m benchmarks.extras_size", help=__doc__, help_format="plaintext")

ROOT = Path(__file__).parent.parent

OF_USERS = ("serve", "export", "heic", "cluster", "s3")
"""The extras that users install; the others are for work on the package itself."""

HEADER = ("installed", "packages", "MB on disk", "the largest of them, MB")

LARGEST = 3
"""How many packages are named."""


@dataclass(frozen=True)
class Installed:
    """A package that is installed."""

    name: str
    size: int
    """Bytes of its files."""


def needed(requirements: Iterable[str]) -> dict[str, Distribution]:
    """Return all that `requirements` need here, also in turn, by their names.

    Args:
        requirements: as in metadata.

    Raises:
        InputError: one of them is not installed.
    """
    found: dict[str, Distribution] = {}
    waiting = list(_that_apply(requirements, ""))
    seen = set()
    while waiting:
        name, asked = wanted = waiting.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        try:
            found[name] = distribution(name)
        except PackageNotFoundError as error:
            raise InputError(
                f"{name} is not installed here: pip install '.[{','.join(OF_USERS)}]'"
            ) from error
        waiting += _that_apply(found[name].requires or (), asked)
    return found


def _that_apply(requirements: Iterable[str], extra: str) -> Iterator[tuple[str, str]]:
    """Yield the names that are required here, alone and with each of their extras."""
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            for asked in ("", *requirement.extras):
                yield canonicalize_name(requirement.name), asked


def measured(package: Distribution) -> Installed:
    """Return a package with the bytes that its files take, compiled ones included."""
    paths = (Path(str(package.locate_file(file))) for file in package.files or ())
    return Installed(package.name, sum(path.stat().st_size for path in paths if path.exists()))


def own(project: dict[str, Any]) -> Installed:
    """Return the package itself; here it may be installed as a link to its sources."""
    folders = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    files = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    sizes = (file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")
    return Installed(project["project"]["name"], sum(sizes))


def row(name: str, packages: Sequence[Installed]) -> tuple[str, ...]:
    """Return the row of the table for some packages."""
    largest = sorted(packages, key=lambda package: -package.size)[:LARGEST]
    listed = ", ".join(f"{package.name} {_mb(package.size)}" for package in largest)
    return name, str(len(packages)), _mb(sum(package.size for package in packages)), listed


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f}" if size >= 10e6 else f"{size / 1e6:.1f}"


@app.default
def measure(*extras: str) -> None:
    """Print the table.

    Args:
        extras: which ones; by default those that users install.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    optional = project["project"]["optional-dependencies"]
    for extra in extras:
        if extra not in optional:
            raise SettingsError(f"there is no extra {extra}; there are {', '.join(optional)}")
    base = needed(project["project"]["dependencies"])
    rows = [row("foveamask", [own(project), *map(measured, base.values())])]
    for extra in extras or OF_USERS:
        added = needed(optional[extra])
        rows.append(row(f"+ [{extra}]", [measured(added[name]) for name in added.keys() - base]))
    print(table(HEADER, rows))


if __name__ == "__main__":
    sys.exit(run(app))

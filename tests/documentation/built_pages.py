"""The site of the documentation, built for tests, and what its pages point at."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("foveamask", "data", "coarse", "refine", "pipeline")
LOADED = {"src", "srcset", "poster", "data"}
"""Attributes whose files a page loads by itself, whatever the element."""


@dataclass
class Links(HTMLParser):
    """What one page points at."""

    loads: list[str] = field(default_factory=list)
    """Addresses of what the page loads by itself: scripts, styles, pictures."""
    links: list[str] = field(default_factory=list)
    """Addresses that a reader can follow."""
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "href" and value is not None:
                (self.links if tag == "a" else self.loads).append(value)
            elif name in LOADED and value is not None:
                self.loads.append(value)
            elif name == "id" and value is not None:
                self.anchors.add(value)


@cache
def links(page: Path) -> Links:
    found = Links()
    found.feed(page.read_text())
    return found


def copied_sources(folder: Path) -> Path:
    """Copy all that the site is built from to `folder`, so that building leaves nothing behind."""
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    for package in PACKAGES:
        (folder / package).symlink_to(ROOT / package)
    return folder


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of `folder` into `folder / "site"`, as `make docs` does."""
    return subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

"""Packages of npm for tests that run JavaScript: installed once, into a folder of the user's cache.

A new list of packages gets a new folder. It has its name only when it is complete.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parent / "javascript" / "package.json"


def node_modules() -> Path:
    """The folder of installed packages.

    Where there is no npm, the test is skipped, but for continuous integration.
    """
    if shutil.which("npm") is None or shutil.which("node") is None:
        assert not os.environ.get("CI"), "these tests need Node.js and npm"
        pytest.skip("needs Node.js and npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foveamask-tests"
    folder = cache / hashlib.sha256(PACKAGES.read_bytes()).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        if not folder.is_dir():
            _install(folder)
    return folder / "node_modules"


def run_node(script: str, folder: Path, *arguments: object) -> str:
    """Run a module of JavaScript in `folder`, and return what it prints."""
    packages = folder / "node_modules"
    if not packages.exists():
        packages.symlink_to(node_modules())
    (folder / "script.mjs").write_text(script)
    command = ["node", "script.mjs", *map(str, arguments)]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _install(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        partial = Path(temporary) / "packages"
        partial.mkdir()
        shutil.copy(PACKAGES, partial)
        # Scripts of packages would download more, from elsewhere.
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=partial, check=True, timeout=900)
        partial.rename(folder)

"""A run that is trained once, on discs that pass for cars; each test has it as if for itself."""

import shutil
from pathlib import Path

import pytest

from tests.builders import foveamask
from tests.end_to_end.discs import SETTINGS, write_data


@pytest.fixture(scope="session")
def _trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("end_to_end")
    write_data(root / "data")
    (root / "settings.toml").write_text(SETTINGS)
    data, run = root / "data", root / "run"

    assert foveamask("train-coarse", data, run, "--config", root / "settings.toml") == 0
    assert foveamask("make-patches", data, run) == 0
    assert foveamask("train-refiner", run) == 0
    return root


@pytest.fixture
def trained(_trained_once: Path, tmp_path: Path) -> Path:
    """A folder with data, settings and a finished run."""
    shutil.copytree(_trained_once, tmp_path / "trained")
    return tmp_path / "trained"

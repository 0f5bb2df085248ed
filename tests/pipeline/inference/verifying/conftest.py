"""Masks of photos to verify, and the command that does."""

import shutil
from pathlib import Path

import pytest
import torch

from pipeline.model_folder import save_model
from tests.builders import foveamask
from tests.pipeline.inference.predicting import segmenter_of, write_photos
from tests.pipeline.inference.verifying.verify_call import VerifyCall


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, model = tmp_path_factory.mktemp("model"), segmenter_of().model
    assert model.refiner is not None
    torch.nn.init.normal_(model.refiner.head.weight, std=2)  # or it would change nothing
    save_model(model, path)
    return path


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """Photos, and their masks in `out`."""
    folder = tmp_path_factory.mktemp("predicted")
    write_photos(folder / "photos", 6)
    assert foveamask("predict", folder / "photos", folder / "out", "--model", model) == 0
    return folder


@pytest.fixture
def folder(tmp_path: Path, predicted: Path) -> Path:
    """A copy of it to damage."""
    shutil.copytree(predicted, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def check(folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> VerifyCall:
    return VerifyCall(folder, model, capsys)

"""Commands that must fail, photos with masks, and a model that knows nothing."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from coarse.enet import ENet
from data.geometry import Fovea
from pipeline.cli import main
from pipeline.model import Model
from pipeline.model_folder import save_model
from refine.refiner_network import Refiner
from tests.bad_input.answers import Errors, write_mask


@pytest.fixture
def errors(capsys: pytest.CaptureFixture[str]) -> Errors:
    """Run a command that must fail; return the lines it says, of which none is a traceback."""

    def run(status: int, *arguments: object) -> list[str]:
        assert main([str(argument) for argument in arguments]) == status
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return said.splitlines()

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four photos with masks."""
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for name in "abcd":
        cv2.imwrite(str(tmp_path / f"data/images/{name}.png"), np.full((64, 96, 3), 90, np.uint8))
        write_mask(tmp_path / "data", name, np.eye(64, 96, dtype=np.uint8) * 255)
    return tmp_path / "data"


@pytest.fixture
def untrained(tmp_path: Path) -> Path:
    """The folder of a model that knows nothing."""
    torch.manual_seed(0)
    fovea = Fovea(8, 2)
    value = Model(ENet(), Refiner(fovea), fovea, low=0.05, high=0.95, long_side=96)
    save_model(value, tmp_path / "model")
    return tmp_path / "model"

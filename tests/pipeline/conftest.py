"""A model for the commands."""

from pathlib import Path

import pytest

from pipeline.model_folder import save_model
from tests.pipeline.inference.predicting import segmenter_of


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    save_model(segmenter_of().model, path)
    return path

"""The examples of docs/how-to/any-language.md, run as they stand there."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from coarse.novelty import NoveltyDetector
from pipeline.exporting.onnx_file import onnx_model
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from tests.builders import CPU, Mask, shaded_photo, unsure_model
from tests.node_packages import run_node

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "any-language.md"

SIZE = (150, 213)


def model() -> Model:
    """A model with all inputs and outputs that the examples name."""
    detector = NoveltyDetector(
        torch.zeros(256), torch.zeros(1, 256), torch.ones(1), torch.tensor(1.0), torch.tensor(2.0)
    )
    return replace(unsure_model(), novelty=detector)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file and the photo that the examples name."""
    folder = tmp_path_factory.mktemp("examples")
    Image.fromarray(shaded_photo(SIZE)).save(folder / "photo.png")
    (folder / "car.onnx").write_bytes(onnx_model(model(), name="x").SerializeToString())
    return folder


@pytest.fixture(scope="module")
def expected() -> Mask:
    """The mask of the photo by the package."""
    mask: Mask = Segmenter.from_model(model(), CPU, "fp32")(shaded_photo(SIZE))
    assert 0 < mask.mean() < 1
    return mask


def example(language: str) -> str:
    """The one example in a language."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(block)


def written_mask(folder: Path) -> Mask:
    """The mask that an example wrote, taken away for the next one."""
    path = folder / "mask.png"
    with Image.open(path) as image:
        assert image.mode == "L"
        pixels = np.asarray(image)
    path.unlink()
    assert set(np.unique(pixels)) <= {0, 255}
    return pixels > 0


@pytest.mark.slow
def test_the_example_in_python_needs_nothing_of_the_package(workplace: Path, expected: Mask):
    code = f"{example('python')}\nimport sys\nassert 'torch' not in sys.modules\n"

    subprocess.run([sys.executable, "-I", "-c", code], cwd=workplace, check=True, timeout=120)

    assert np.count_nonzero(written_mask(workplace) != expected) <= 3


@pytest.mark.slow
def test_the_example_in_javascript_gives_the_same_mask(workplace: Path, expected: Mask):
    run_node(example("javascript"), workplace)

    assert np.count_nonzero(written_mask(workplace) != expected) <= 3


def test_examples_that_are_not_run_say_so():
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S))

    for language in ("C#", "Rust", "Java"):
        assert sections[language].lstrip().startswith("Not run here")

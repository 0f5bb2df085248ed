"""What the start of an exported file is made of."""

from pathlib import Path

import pytest
from PIL import Image

from benchmarks import exported_start
from coarse.mlp import MLP
from data.geometry import Fovea
from pipeline.model_folder import save_model
from tests.builders import shaded_photo, tiny_model


def test_what_comes_until_the_first_mask_is_added_up_without_the_second_photo():
    rounds = [[0.01, 0.02, 0.03, 0.04, 0.05, 9.0], [0.01, 0.02, 0.03, 0.04, 0.07, 9.0]]

    assert exported_start.row("x", rounds) == ["x", "10", "20", "30", "40", "60", "160", "9000"]


@pytest.mark.slow
def test_each_way_to_open_the_file_has_its_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    model = tiny_model(coarse=MLP(grid=(4, 6), hidden=(16,)), fovea=Fovea(16, 2))
    save_model(model, tmp_path / "model")
    Image.fromarray(shaded_photo((64, 96))).save(tmp_path / "a.png")

    exported_start.measure(tmp_path / "a.png", model=str(tmp_path / "model"), rounds=1)

    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:5]] == list(exported_start.LEVELS)

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import exported
from coarse.mlp import MLP
from data.geometry import Fovea
from pipeline.model_folder import save_model
from tests.builders import shaded_photo, tiny_model

SLOW_PROCESS = """
import json, time
time.sleep(0.3)
print(json.dumps([time.time(), 0.25]))
print(json.dumps([[[0.5, 0.1], [0.1, 0.3], [0.2, 0.2]], 7e6]))
"""


def test_the_start_of_a_process_counts_from_before_it():
    measured = exported.measured([sys.executable, "-c", SLOW_PROCESS, "1"])

    assert 0.3 < measured.start < 30
    assert (measured.photo, measured.photo_work) == (0.2, 0.2)
    assert exported.row("x", measured)[2:] == ["0.25", "200", "200", "7"]


def test_the_name_of_decoded_pixels_has_their_size(tmp_path: Path):
    Image.fromarray(shaded_photo((5, 7))).save(tmp_path / "a.png")

    path = exported.decoded(tmp_path / "a.png", tmp_path)

    assert path.name == "a-5x7.npy"
    assert np.array_equal(np.load(path), shaded_photo((5, 7)))


@pytest.mark.slow
def test_the_table_has_a_row_for_each_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save_model(tiny_model(coarse=MLP(grid=(4, 6), hidden=(16,)), fovea=Fovea(16, 2)), tmp_path)
    Image.fromarray(shaded_photo((64, 96))).save(tmp_path / "a.png")

    exported.main([tmp_path / "a.png"], model=str(tmp_path))

    rows = [line for line in capsys.readouterr().out.splitlines() if line.count("|") == 7]
    assert len(rows) == 2 + 7
    assert all(float(cell) > 0 for line in rows[2:] for cell in line.split("|")[2:7])

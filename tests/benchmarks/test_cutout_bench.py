from pathlib import Path

import numpy as np
import pytest

from benchmarks import cutout_bench
from benchmarks.cutout_bench import Case, error
from data.geometry import Size
from data.images import read_photo
from data.studio.truth import render_cutout
from pipeline.model_folder import save_model
from tests.measured import segmenter_of

SMALL = Size(160, 240)


@pytest.fixture(scope="module")
def case() -> Case:
    truth = render_cutout(0, 1, 5, size=SMALL)
    return Case(truth, truth.coverage > 0.5, truth.coverage - np.float32(0.5))


def test_the_truth_has_no_error_and_another_cutout_has_some(case: Case):
    truth = case.truth

    assert error(case, (truth.colours, truth.alpha), "alpha") == 0
    assert error(case, (truth.colours, truth.coverage), "coverage") == 0
    assert error(case, cutout_bench.by_mask(case), "coverage") > 1


def test_the_tables_have_all_methods(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save_model(segmenter_of().model, tmp_path / "model")

    cutout_bench.cutout_bench(
        cars=1, model=str(tmp_path / "model"), size=SMALL, picture=tmp_path / "cutouts.png"
    )

    printed = capsys.readouterr().out
    for name in (*cutout_bench.methods(), "alpha, colours of the whole photo"):
        assert f"| {name} |" in printed
    assert read_photo(tmp_path / "cutouts.png").shape == (4 * 80, 4 * 5 * 110, 3)

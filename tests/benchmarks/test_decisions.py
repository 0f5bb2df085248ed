from pathlib import Path

import pytest

from benchmarks import decisions
from benchmarks.markdown import of_model
from pipeline.model_folder import save_model
from tests.measured import segmenter_of, write_photos


def test_the_tables_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = write_photos(tmp_path)
    save_model(segmenter_of().model, tmp_path / "model")

    decisions.decisions(data, model=str(tmp_path / "model"))

    model, budgets, bins, temperature = capsys.readouterr().out.split("\n\n")
    assert model == of_model(segmenter_of().model, 2).strip()
    lines = [line.split(" | ") for line in budgets.splitlines()]
    assert lines[0] == [
        "| budget",
        "tiles",
        "summed uncertainty",
        "largest uncertainty",
        "true gain |",
    ]
    assert [line[0] for line in lines[2:]] == [*(f"| {b}" for b in decisions.BUDGETS), "| all"]
    assert len(set(lines[-1][2:5])) == 2  # all tiles are refined, in whatever order
    lines = [line.split(" | ") for line in bins.splitlines()]
    assert lines[0][1:4] == ["coarse: pixels, %", "predicted", "true"]
    for column in (1, 4):
        shares = [float(line[column]) for line in lines[2:]]
        assert sum(shares) == pytest.approx(100, abs=0.1)
    assert temperature.startswith("coarse logits best divided by")

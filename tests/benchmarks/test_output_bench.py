from pathlib import Path

import pytest

from benchmarks.output_bench import output_bench, outputs
from pipeline.cli.output_arguments import NAMES
from pipeline.model_folder import save_model
from tests.measured import segmenter_of
from tests.pipeline.inference.predicting import write_photos

ROOT = Path(__file__).parents[2]


def test_every_output_of_the_command_is_measured():
    assert {output.name for output in outputs().values()} == set(NAMES)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("benchmarks.output_bench.ROUNDS", 1)
    write_photos(tmp_path / "photos", 3)
    save_model(segmenter_of().model, tmp_path / "model")
    return tmp_path / "photos"


@pytest.mark.slow
def test_the_table_has_all_outputs(photos: Path, capsys: pytest.CaptureFixture[str]):
    output_bench(photos, model=str(photos.parent / "model"), count=2)

    printed = capsys.readouterr().out
    for name in outputs():
        assert f"| {name} |" in printed


@pytest.mark.slow
def test_two_checkouts_are_compared_for_one_photo_and_for_all(
    photos: Path, capsys: pytest.CaptureFixture[str]
):
    output_bench(photos, model=str(photos.parent / "model"), count=3, before=ROOT)

    header, _, *rows = capsys.readouterr().out.splitlines()
    assert f"| {ROOT.name} |" in header
    assert [row.split("|")[1].strip() for row in rows] == ["1", "3"]
    assert all(0.2 < float(row.split("|")[4]) < 5 for row in rows)

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


@pytest.mark.slow
def test_the_tables_have_all_outputs_and_both_checkouts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("benchmarks.output_bench.ROUNDS", 1)
    write_photos(tmp_path / "photos", 3)
    save_model(segmenter_of().model, tmp_path / "model")

    output_bench(tmp_path / "photos", model=str(tmp_path / "model"), count=2, before=ROOT)

    printed = capsys.readouterr().out
    for name in (*outputs(), "this", ROOT.name):
        assert f"| {name} |" in printed

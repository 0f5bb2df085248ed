from pathlib import Path

import pytest

from benchmarks import load
from benchmarks.load import Load, row_of
from pipeline.model_folder import save_model
from tests.bright_objects import bright_model, write_objects


@pytest.mark.slow
def test_a_server_under_load_answers_every_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    save_model(bright_model(), tmp_path / "model")
    write_objects(tmp_path / "photos", ["a", "b"])

    load.main(
        [tmp_path / "photos"],
        clients=(2,),
        overload=60,
        seconds=1.0,
        model=str(tmp_path / "model"),
        requests=40,
    )

    said = capsys.readouterr().out
    rows = [line.strip("| ").split(" | ") for line in said.splitlines() if line.startswith("| ")]
    busy, overloaded = rows[1:3]
    assert busy[0] == "2"
    assert float(busy[1]) > 0
    assert busy[-2:] == ["0", "0"]
    assert int(overloaded[-2]) > 0
    assert overloaded[-1] == "0"
    assert rows[-1][0] == "40"


def test_a_row_counts_what_is_lost():
    given = Load(2.0, [0.1, 0.2, 0.3, 0.4], wrong=1)
    given.statuses.update({200: 4, 503: 2, 500: 3})

    row = row_of(4, given, 4.0)

    assert row == ["4", "2.0", "4.0", "50 %", "200", "400", "2", "4"]

from pathlib import Path

import pytest

from benchmarks import check_trials
from tests.pipeline.checking.photo_sets import write_set


def test_every_fault_has_a_row_with_what_was_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    write_set(tmp_path / "data", 20)
    write_set(tmp_path / "other", 6)

    check_trials.trials(tmp_path / "data", others=[tmp_path / "other" / "images"])

    rows = [line.split("|")[1:4] for line in capsys.readouterr().out.splitlines()[2:]]
    cells = {name.strip(): (found.strip(), wrong.strip()) for name, found, wrong in rows}
    assert set(cells) == {
        *check_trials.MOVES,
        *check_trials.CHANGES,
        "photos of images among them",
    }
    assert cells["mask moved by 4% of the longer side"] == ("2 of 2", "0 of 18")
    assert cells["saved as JPEG of quality 40"] == ("2 of 2", "0 of 20")
    assert cells["photos of images among them"][0].endswith(" of 6")

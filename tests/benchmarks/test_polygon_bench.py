from pathlib import Path

import pytest

from benchmarks.polygon_bench import polygon_bench
from data.masks import write_mask
from tests.builders import disc


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_tables_say_that_nothing_is_lost_and_who_draws_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    write_mask(tmp_path / "a.png", disc((30, 40), 20) & ~disc((30, 44), 5))
    write_mask(tmp_path / "b.png", disc((20, 60), 18))

    polygon_bench(tmp_path)

    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name["0"][0] == "0"
    assert float(by_name["2"][0]) > 0
    assert by_name["foveamask"] == by_name["pycocotools"] == ["0", "0"]
    assert int(by_name["LabelMe"][0]) > 0
    assert "Ultralytics" in by_name

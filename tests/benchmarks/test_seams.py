import re
from pathlib import Path

import pytest

from benchmarks import seams
from pipeline.model_folder import save_model
from tests.measured import photo_of, segmenter_of, write_photos


def test_an_untrained_refiner_leaves_no_seams():
    assert seams.differing(segmenter_of(trained=False), photo_of(), 4) == 0


def test_a_refiner_that_does_something_is_seen_under_a_shifted_grid():
    segmenter, photo = segmenter_of(), photo_of()

    assert seams.differing(segmenter, photo, 0) == 0
    assert seams.differing(segmenter, photo, 4) > 0


def test_the_table_has_every_shift_within_a_tile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_photos(tmp_path)
    save_model(segmenter_of().model, tmp_path / "model")

    seams.seams(data, model=str(tmp_path / "model"))

    model, _, heading, _, *rows = capsys.readouterr().out.splitlines()
    assert re.fullmatch("model [0-9a-f]{16}, 2 photos", model)
    assert heading == "| shift, px | differing pixels in 1,000 of contour |"
    assert [row.split(" | ")[0] for row in rows] == ["| 4"]

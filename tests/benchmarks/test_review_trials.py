"""What a review finds and gains, on photos of bright objects."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import review_trials, stroke_times
from benchmarks.review_trials import Trial, seen_table, simulated_stroke, stroke_table, trial
from pipeline.model_folder import save_model
from pipeline.reviewing.first_mask import first_mask
from pipeline.reviewing.places import Place
from tests.bright_objects import bright_model, bright_segmenter, object_in, photo_of, write_objects


def test_a_simulated_stroke_lies_in_the_largest_wrong_part_and_says_the_truth():
    wrong = np.zeros((200, 300), np.bool_)
    wrong[100:106, 120:150] = True
    wrong[140:143, 120:123] = True
    places = [Place(0, 0, 96, 9.0), Place(100, 60, 96, 5.0)]

    stroke = simulated_stroke(wrong, ~wrong, places)

    assert stroke is not None
    assert not stroke.is_object
    assert all(120 < x < 150 and 100 < y < 106 for x, y in stroke.points)
    assert stroke.points[-1][0] - stroke.points[0][0] != 0
    assert 1 <= stroke.radius <= 3
    assert simulated_stroke(np.zeros_like(wrong), wrong, places) is None


def test_a_stroke_on_a_wrong_mask_gains_dice():
    wrong = object_in()
    wrong[90:100, 120:130] ^= True
    segmenter = bright_segmenter()
    given = wrong * np.uint8(255)
    first = first_mask(segmenter, photo_of(object_in()), given, review_trials.OPTIONS)

    found = trial(segmenter, first, object_in())

    assert found.after is not None
    assert found.true < found.after <= 1
    assert found.shown == 1


def test_the_tables_count_what_is_seen_and_what_got_better():
    found = [Trial(0.98 + i / 1000, 0.985 + i / 1000, 0.5, 0.99) for i in range(10)]

    seen = [cell.strip() for cell in seen_table(found).splitlines()[2].split("|")[1:-1]]
    strokes = [cell.strip() for cell in stroke_table(found).splitlines()[3].split("|")[1:-1]]

    assert seen == ["0.99", "5", "10", "1", "1", "2", "3"]
    assert strokes[:6] == ["all", "10", "0.98950", "0.99000", "50", "40"]


@pytest.mark.slow
def test_strokes_are_timed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save_model(bright_model(), tmp_path / "bright")
    (tmp_path / "photos").mkdir()
    write_objects(tmp_path / "photos", ["a", "b"])

    stroke_times.times(tmp_path / "photos", model=str(tmp_path / "bright"), strokes=2)

    rows = [line.split("|")[1:3] for line in capsys.readouterr().out.splitlines()[4:6]]
    assert [[cell.strip() for cell in row] for row in rows] == [["a stroke", "4"], ["an undo", "4"]]

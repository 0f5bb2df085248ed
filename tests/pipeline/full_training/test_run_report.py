"""The page of a training."""

import re
from pathlib import Path

import pytest

from data.errors import InputError
from data.samples import find_samples
from pipeline.evaluation.evaluate import score_samples
from pipeline.full_training.held_out import HeldOut
from pipeline.full_training.run_report import report_of_run
from pipeline.inference.mask_options import DEFAULT_OPTIONS
from pipeline.reporting.observed_photos import Entry, Observed, load_entries, save_entries
from pipeline.reporting.report_folder import rendered, report_folder
from pipeline.reporting.stage_curves import Stages, charts_of
from tests.measured import segmenter_of, write_photos
from tests.pipeline.full_training.test_ending import photo, rows
from tests.pipeline.full_training.test_journal import JOURNAL
from tests.pipeline.reporting.test_report_folder import outline

STAGES: Stages = {
    name: {"": [row | {"loss": 0.5, "score_average": 0.9, "score_weights": 0.8} for row in level]}
    for name, level in (("coarse network", rows(0.8, 0.9)), ("refiner", rows(0.9, 0.95)))
}


def entries(folder: Path) -> list[Entry]:
    """Two photos that were held out, as they were scored and drawn."""
    segmenter = segmenter_of()
    with report_folder(folder / "report") as report:
        observed = Observed(report, "refined")
        samples = find_samples(write_photos(folder))
        score_samples(samples, segmenter, DEFAULT_OPTIONS, "refined", observed.observe)
    return observed.photos


def page_of(folder: Path, scores: HeldOut, photos: list[Entry]) -> str:
    return rendered(report_of_run(folder, JOURNAL, scores, STAGES, photos))


def test_the_page_is_whole_and_has_curves_and_scores(tmp_path: Path):
    photos = entries(tmp_path)

    found = outline(page_of(tmp_path, HeldOut((photo("a", 0.9),)), photos))

    assert found.tags.count("svg") == 4 + 3 + 4


def test_what_is_measured_is_kept_in_a_file(tmp_path: Path):
    photos = entries(tmp_path)

    save_entries(tmp_path / "measured.json", photos)
    loaded = load_entries(tmp_path / "measured.json")

    assert [p.name for p in loaded] == ["0", "1"]
    assert [p.pictures for p in loaded] == [p.pictures for p in photos]
    assert loaded[0].scores.finished.dice == pytest.approx(photos[0].scores.finished.dice, abs=1e-6)
    again = page_of(tmp_path, HeldOut((photo("a", 0.9),)), loaded)
    assert outline(again).tags.count("svg") == 11


def test_a_damaged_file_of_measures_is_named(tmp_path: Path):
    (tmp_path / "measured.json").write_text("[{}]")

    with pytest.raises(InputError, match=r"measured\.json is damaged"):
        load_entries(tmp_path / "measured.json")


def test_names_are_text_and_no_markup(tmp_path: Path):
    odd = photo('<script>alert("x")</script>&', 0.9)

    scores = HeldOut((odd, photo("b", 0.95)))
    page = page_of(tmp_path / "<b>run<b>", scores, entries(tmp_path))

    assert "<script>alert" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page  # which the ending names
    assert "<title>Training of &lt;b&gt;run" in page


def test_the_page_says_what_the_command_says_and_how_settings_were_fitted(tmp_path: Path):
    scores = HeldOut((photo("a", 0.9), photo("b", 0.95)))

    page = page_of(tmp_path, scores, entries(tmp_path))

    text = re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "Dice 0.9250" in text
    assert "the worst photo has 0.9000, a" in text
    assert "data.val_share 0.2 why not" in text
    assert "coarse.steps 123 as many as there was time for" in text


def test_of_several_trainings_each_has_a_line():
    one, other = rows(0.8, 0.9), rows(0.7, 0.85)
    for row in (*one, *other):
        row["loss"] = 0.1
    del other[0]["score"]

    scores, losses = charts_of({"fold-1": one, "fold-2": other, "all": []})

    assert [(line.name, len(line.points)) for line in scores.lines] == [
        ("fold-1", 2),
        ("fold-2", 1),
    ]
    assert [len(line.points) for line in losses.lines] == [2, 2]

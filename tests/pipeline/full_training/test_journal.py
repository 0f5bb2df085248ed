"""What a run has settled and done, on disk."""

from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import InputError
from pipeline.full_training.journal import (
    NAME,
    Journal,
    Start,
    check_same,
    load_journal,
)
from pipeline.training.fitted_settings import Choice
from pipeline.training.speed_trial import Speeds
from pipeline.training.time_budget import Limits, Steps
from tests.pipeline.training.test_fitted_settings import FACTS

START = Start("abc", {"data": {"long_side": 900}}, 600.0, all_photos=False)
JOURNAL = (
    Journal(START, FACTS, [Choice("data.val_share", 0.2, "why not")], Speeds(0.1, 1.0, 0.2, 0.5))
    .after("check", 1.25)
    .with_limits("", Limits(100.0, 200.0), Steps(900, 300))
    .with_steps("coarse", 123)
)


def test_what_was_written_comes_back(tmp_path: Path):
    JOURNAL.save(tmp_path)

    assert load_journal(tmp_path) == JOURNAL
    assert load_journal(tmp_path / "elsewhere") is None


def test_parts_are_kept_in_the_order_in_which_they_were_done(tmp_path: Path):
    JOURNAL.after("coarse", 2).after("a", 3).save(tmp_path)

    found = load_journal(tmp_path)

    assert found is not None
    assert list(found.seconds) == ["check", "coarse", "a"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1}', "null", '{"format": [1]}'])
def test_a_damaged_journal_is_one_line(tmp_path: Path, content: str):
    (tmp_path / NAME).write_text(content)

    with pytest.raises(InputError, match=r"train\.json is damaged; train in"):
        load_journal(tmp_path)


def test_a_journal_of_another_version_is_refused(tmp_path: Path):
    JOURNAL.save(tmp_path)
    path = tmp_path / NAME
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))

    with pytest.raises(InputError, match="has format 2, not 1; train in another folder"):
        load_journal(tmp_path)


def test_the_same_start_may_go_on_and_another_may_not(tmp_path: Path):
    check_same(START, replace(START), tmp_path)

    with pytest.raises(InputError, match="other photos or masks and --time; train in another"):
        check_same(START, replace(START, photos="x", seconds=None), tmp_path)

"""The benchmark of learning curves: what is drawn, what is done once, and its table."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import curve_methods, learning_curves
from benchmarks.curve_data import MOST_TESTED, Draw, as_folder, divided, draw_photos
from benchmarks.curve_methods import TrainedMethod, scores_of
from benchmarks.curve_table import Result, curve_table, read_results
from benchmarks.processor_clock import on_processor_time
from data.masks import read_mask
from data.samples import Sample, find_samples
from tests.builders import ellipse_sample


def sample(i: int, group: str) -> Sample:
    return Sample(f"photo-{i}", Path(f"{i}.jpg"), Path(f"{i}.png"), group, Path())


@given(st.lists(st.integers(0, 30), min_size=6, max_size=150), st.integers(0, 5))
def test_no_group_is_trained_on_and_tested(groups: list[int], number: int):
    samples = [sample(i, str(group)) for i, group in enumerate(groups)]

    test, pool = divided(samples, number)

    assert {s.group for s in test}.isdisjoint(s.group for s in pool)
    assert len(test) <= min(MOST_TESTED, len(samples) // 3)
    assert not set(test) & set(pool)


def test_draws_differ_and_those_of_one_number_are_nested(tmp_path: Path):
    for seed in range(12):
        ellipse_sample(tmp_path / "data", (32, 48), seed)

    drawn = [
        draw_photos("x", tmp_path / "data", tmp_path, size, n, {})
        for size, n in ((3, 0), (5, 0), (3, 1), (9, 0))
    ]

    three, five, other, too_many = drawn
    assert too_many is None
    assert three is not None
    assert five is not None
    assert other is not None
    assert five.train[:3] == three.train
    assert five.test == three.test
    assert other.train != three.train
    assert len(three.train) + len(three.pool) + len(three.test) == 12
    found = find_samples(as_folder(three.train, tmp_path / "part"))
    assert {s.name for s in found} == {s.name for s in three.train}
    for one in three.train:
        truth = read_mask(tmp_path / "data" / "masks" / f"{one.name}.png")
        assert np.array_equal(read_mask(one.mask), truth)


def test_what_is_known_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for seed in range(9):
        ellipse_sample(tmp_path / "data", (32, 48), seed)
    calls: list[tuple[int, int, float]] = []

    def fake(drawn: Draw, work: Path, seconds: float) -> TrainedMethod:
        calls.append((drawn.size, drawn.number, seconds))
        return TrainedMethod(lambda photo: np.ones(photo.shape[:2], np.bool_), 12.3)

    monkeypatch.setattr(curve_methods, "METHODS", {"train": fake, "u-net": fake})
    command = ["leaves", str(tmp_path / "data"), "--work", str(tmp_path / "work")]
    command += ["--sizes", "2", "4", "--draws", "2", "--minutes", "3"]
    command += ["--methods", "train", "u-net", "--results", str(tmp_path / "results")]

    for _ in range(2):
        assert learning_curves.main(command) == 0

    assert len(calls) == 8
    assert {seconds for _, _, seconds in calls} == {180}
    results = read_results(tmp_path / "results")
    assert len(results) == 8
    assert {r.tested for r in results} == {3}
    rows = capsys.readouterr().out.splitlines()
    assert rows[-1].startswith("| leaves | 4 | u-net | 3 | 2 | ")


def test_scores_are_those_of_the_masks(tmp_path: Path):
    samples = [ellipse_sample(tmp_path, (32, 48), seed) for seed in range(2)]

    scores = scores_of(samples, lambda photo: np.ones(photo.shape[:2], np.bool_))

    shares = [read_mask(s.mask).mean() for s in samples]
    dice = [2 * share / (1 + share) for share in shares]
    assert scores["dice"] == pytest.approx(np.mean(dice), abs=1e-5)
    assert scores["worst_dice"] == pytest.approx(min(dice), abs=1e-5)


def test_a_photo_more_is_worth_the_slope_from_size_to_size():
    def result(size: int, draw: int, dice: float) -> Result:
        return Result("leaves", size, draw, "train", 10, 40, 600, dice, dice - 0.1, 2)

    text = curve_table([result(10, 0, 0.90), result(10, 1, 0.92), result(20, 0, 0.95)])

    first, second = text.splitlines()[2:]
    assert first == "| leaves | 10 | train | 10 | 2 | 0.9100 ± 0.0141 | 2.00 | 0.8000 | |"
    assert second == "| leaves | 20 | train | 10 | 1 | 0.9500 | 2.00 | 0.8500 | +0.00400 |"


def test_clocks_count_the_processor_alone():
    with on_processor_time():
        began = time.monotonic()
        time.sleep(0.2)
        assert time.monotonic() - began < 0.15
    assert time.monotonic() != time.process_time()


def test_results_in_the_repository_can_be_read():
    for path in learning_curves.RESULTS.glob("*.json"):
        assert Result(**json.loads(path.read_text())).tested > 0

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import thresholds
from benchmarks.thresholds import BUDGETS, LOWS, Choice, Point, choose, measure, pooled
from data.images import read_photo
from data.masks import read_mask
from data.samples import find_samples
from pipeline.evaluation.metrics import overlap
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.model_folder import load_model, save_model
from tests.measured import segmenter_of, write_photos


def points(dice: dict[float, float], tiles: dict[float, float]) -> list[Point]:
    """Means at some values of `low`, the same for all budgets."""
    return [
        Point(low, budget, tiles[low], dice[low]) for low in dice for budget in (*BUDGETS, None)
    ]


def test_each_point_is_what_prediction_with_these_thresholds_scores(tmp_path: Path):
    samples, model = find_samples(write_photos(tmp_path)), segmenter_of().model

    measured = measure(model, samples)

    assert [(p.low, p.budget) for p in measured] == [(a, b) for a in LOWS for b in (*BUDGETS, None)]
    assert len({p.dice for p in measured}) > len(LOWS) / 2  # the thresholds matter here
    for point in measured[:: len(BUDGETS) - 1]:
        segmenter = Segmenter.from_model(Choice(point.low).applied(model))
        predictions = [
            segmenter.predict(read_photo(s.photo), MaskOptions(budget=point.budget))
            for s in samples
        ]
        truths = [read_mask(sample.mask) for sample in samples]
        dice = [overlap(p.mask, t).dice for p, t in zip(predictions, truths, strict=True)]
        assert point.tiles == np.mean([len(p.tiles) for p in predictions])
        assert point.dice == pytest.approx(np.mean(dice), abs=1e-9)


def test_the_fewest_tiles_within_the_tolerance_are_chosen():
    dice = {0.02: 0.99, 0.05: 0.99001, 0.1: 0.989995, 0.2: 0.98}
    tiles = {0.02: 400.0, 0.05: 300.0, 0.1: 200.0, 0.2: 100.0}

    assert choose(points(dice, tiles)).low == 0.1
    assert choose(points(dice | {0.1: 0.98998}, tiles)).low == 0.05


def test_a_budget_is_chosen_only_if_it_costs_next_to_nothing():
    all_alike = points({0.05: 0.99}, {0.05: 300.0})
    rising = [
        replace(p, tiles=p.budget or 2000, dice=0.98 + 1e-6 * (p.budget or 2000)) for p in all_alike
    ]
    flat = [replace(p, dice=min(p.dice, 0.98 + 320e-6)) for p in rising]

    assert choose(rising).budget is None
    assert choose(flat).budget == 320


def test_sets_are_pooled_by_their_photos():
    one, other = points({0.1: 0.9}, {0.1: 100.0}), points({0.1: 0.6}, {0.1: 400.0})

    (mean, *_) = pooled([(2, one), (1, other)])

    assert (mean.low, mean.budget) == (0.1, BUDGETS[0])
    assert (mean.dice, mean.tiles) == (pytest.approx(0.8), pytest.approx(200))


def test_the_chosen_thresholds_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data, model = write_photos(tmp_path), tmp_path / "model"
    save_model(segmenter_of().model, model)

    thresholds.thresholds(
        data, model=str(model), write=tmp_path / "new", points=tmp_path / "points.json"
    )

    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("model ")
    written, chosen = load_model(tmp_path / "new"), json.loads(last)
    assert (written.low, written.high) == (chosen["low"], 1 - chosen["low"])
    stored = [Point(**point) for point in json.loads((tmp_path / "points.json").read_text())]
    assert choose(stored) == Choice(**chosen)
    assert chosen["low"] != load_model(model).low

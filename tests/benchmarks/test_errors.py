"""The account of what is wrong in masks, on small made-up cases."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import errors
from benchmarks.errors import distance_to_contour, errors_of, in_tiles, table
from data.errors import InputError
from pipeline.evaluation.metrics import overlap
from pipeline.model_folder import save_model
from tests.benchmarks.test_decisions import SIZE, photo_of, segmenter_of, write_data


def test_distances_are_those_to_the_edge_between_pixels():
    mask = np.zeros((9, 9), bool)
    mask[:, 4:] = True

    distances = distance_to_contour(mask)

    np.testing.assert_allclose(distances[4], [3.5, 2.5, 1.5, 0.5, 0.5, 1.5, 2.5, 3.5, 4.5])
    assert np.isinf(distance_to_contour(np.zeros((4, 4), bool))).all()


def test_every_wrong_pixel_is_counted_once():
    segmenter, photo = segmenter_of(), photo_of()
    truth = np.zeros(SIZE, bool)
    truth[40:150, 60:200] = True
    prediction = segmenter.predict(photo)

    found = errors_of(prediction, truth)

    wrong = (prediction.logits > 0) != truth
    assert found.wrong == wrong.sum() == found.by_distance.sum()
    near = distance_to_contour(truth)[wrong]
    assert found.by_distance[1] == ((near >= 1) & (near < 2)).sum() > 0
    assert found.outside == (wrong & ~in_tiles(prediction)).sum() > 0
    assert in_tiles(prediction).sum() == len(prediction.tiles) * prediction.tile**2


def test_photos_not_at_working_size_are_refused():
    segmenter = segmenter_of()
    photo = np.repeat(np.repeat(photo_of(), 2, axis=0), 2, axis=1)

    with pytest.raises(InputError, match="is looked at as"):
        errors_of(segmenter.predict(photo), photo[..., 0] > 128)


def test_better_parts_do_no_harm_and_perfect_ones_end_in_the_truth():
    segmenter, photo = segmenter_of(), photo_of()
    prediction = segmenter.predict(photo)
    truth = prediction.logits > 1  # a label that is drawn tight

    found = errors_of(prediction, truth)

    assert found.coarse == overlap(prediction.coarse > 0, truth).dice
    assert found.refined < found.best_threshold == 1
    inside = in_tiles(prediction)
    assert found.perfect_tiles < 1
    truth = np.where(inside, truth, prediction.coarse > 0)
    assert errors_of(prediction, truth).perfect_tiles == 1


def test_the_table_has_means_of_each_set():
    segmenter, photo = segmenter_of(), photo_of()
    truths = [photo[..., i] > 128 for i in range(2)]
    found = [errors_of(segmenter.predict(photo), truth) for truth in truths]

    lines = table({"held out": found, "learnt from": found[:1]}).splitlines()

    assert lines[0] == "| | held out, 2 photos | learnt from, 1 photos |"
    mean = (found[0].refined + found[1].refined) / 2
    assert f"| refined Dice | {mean:.5f} | {found[0].refined:.5f} |" in lines
    mean = (found[0].wrong + found[1].wrong) / 2
    assert f"| wrong pixels a photo | {mean:.0f} | {found[0].wrong} |" in lines
    assert len({line.count("|") for line in lines}) == 1
    assert not any("reference" in line for line in lines)


def test_the_command_prints_both_sets_and_the_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data, (mine, other) = write_data(tmp_path), (tmp_path / "mine", tmp_path / "other")
    model = segmenter_of().model
    save_model(replace(model, provenance={"groups": ["0"]}), mine)
    save_model(model, other)

    errors.errors(data, model=str(mine), reference=str(other))

    printed = capsys.readouterr().out
    assert "| held out, 1 photos | learnt from, 1 photos |" in printed
    assert "| coarse Dice of the reference | 0." in printed
    with pytest.raises(InputError, match="has learnt from photos of those learnt from"):
        errors.errors(data, model=str(mine), reference=str(mine))

"""The means of many photos' scores."""

import json
from dataclasses import replace

import pytest

from pipeline.evaluation.cost import PhotoCost
from pipeline.evaluation.scores import MeanScores, PhotoScores, Scores, mean_scores, summarize


def scores(dice: float, error: float = 1.0) -> Scores:
    return Scores(dice=dice, boundary_error_px=error, boundary_iou_2px=0.5)


def photo(name: str, *, refined: float, postprocessed: float, predicted: float) -> PhotoScores:
    return PhotoScores(
        name=name,
        coarse_nearest=scores(0.5),
        coarse=scores(0.75),
        refined=scores(refined),
        postprocessed=scores(postprocessed),
        tiles=10,
        tiles_share=0.125,
        predicted_dice=predicted,
    )


PHOTOS = [
    photo("a", refined=0.875, postprocessed=0.96875, predicted=0.75),
    photo("b", refined=0.625, postprocessed=0.9375, predicted=0.5),
]
COST = PhotoCost(1.5, 4.5)


def test_the_summary_is_printed_in_this_order():
    summary = replace(summarize(PHOTOS, 3, COST), predicted_dice_rank_correlation=0.25)

    text = json.dumps(summary.to_json())

    assert text == (
        '{"photos": 2, "left_out_as_seen_in_training": 3, '
        '"coarse_nearest": {"dice": 0.5, "boundary_error_px": 1.0, "boundary_iou_2px": 0.5}, '
        '"coarse": {"dice": 0.75, "boundary_error_px": 1.0, "boundary_iou_2px": 0.5}, '
        '"refined": {"dice": 0.75, "boundary_error_px": 1.0, "boundary_iou_2px": 0.5}, '
        '"refined_better_share": 0.5, "tiles": 10.0, "tiles_share": 0.125, '
        '"predicted_dice": 0.625, "predicted_dice_rank_correlation": 0.25, '
        '"postprocessed": {"dice": 0.953125, "boundary_error_px": 1.0, "boundary_iou_2px": 0.5}, '
        '"gmac": {"coarse": 1.5, "refined": 4.5}}'
    )


def test_stages_that_were_not_run_are_left_out():
    coarse = [replace(one, refined=None, postprocessed=None) for one in PHOTOS]

    summary = summarize(coarse, 0, PhotoCost(1.5))

    assert summary.refined is summary.refined_better_share is summary.postprocessed is None
    assert list(summary.to_json()) == [
        *("photos", "left_out_as_seen_in_training", "coarse_nearest", "coarse"),
        *("predicted_dice", "predicted_dice_rank_correlation", "gmac"),
    ]
    assert summary.to_json()["predicted_dice_rank_correlation"] is None  # both have one Dice


def test_the_predicted_dice_is_ranked_beside_that_of_the_finished_mask():
    """Post-processing makes the worst mask the best, as the model expects of finished masks."""
    photos = [
        photo("a", refined=0.90, postprocessed=0.97, predicted=0.97),
        photo("b", refined=0.95, postprocessed=0.96, predicted=0.96),
        photo("c", refined=0.93, postprocessed=0.91, predicted=0.91),
    ]

    summary = summarize(photos, 0, COST)

    assert summary.predicted_dice_rank_correlation == pytest.approx(1)
    assert summary.refined_better_share == 1.0


def test_masks_without_a_contour_do_not_count_in_the_mean_boundary_error():
    nan = float("nan")

    assert mean_scores([scores(0.5, 1.0), scores(1.0, nan)]) == MeanScores(0.75, 1.0, 0.5)
    assert mean_scores([scores(0.5, nan)]) == MeanScores(0.5, None, 0.5)

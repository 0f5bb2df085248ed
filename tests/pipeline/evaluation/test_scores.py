"""What the scores of many photos are made into."""

import csv
from pathlib import Path

from pipeline.evaluation.evaluate import PhotoScores, Scores, summary, write_score_table


def photo(name: str, *, refined: float, postprocessed: float, predicted: float) -> PhotoScores:
    def scores(dice: float) -> Scores:
        return Scores(dice=dice, boundary_error_px=1.0, boundary_iou_2px=0.5)

    return PhotoScores(
        name=name,
        coarse_nearest=scores(0.8),
        coarse=scores(0.85),
        refined=scores(refined),
        postprocessed=scores(postprocessed),
        tiles=10,
        tiles_share=0.1,
        predicted_dice=predicted,
    )


PHOTOS = [
    photo("a", refined=0.90, postprocessed=0.97, predicted=0.97),
    photo("b", refined=0.95, postprocessed=0.96, predicted=0.96),
    photo("c", refined=0.93, postprocessed=0.91, predicted=0.91),
]
"""Of which post-processing makes the worst the best, as the model expects of the finished masks."""


def test_the_dice_expected_is_ranked_beside_that_of_the_finished_mask():
    found = summary(PHOTOS, 0)

    assert found["predicted_dice_rank_correlation"] == 1.0
    assert found["refined_better_share"] == 1.0


def test_the_worst_finished_mask_comes_first(tmp_path: Path):
    write_score_table(tmp_path / "photos.csv", PHOTOS)

    with (tmp_path / "photos.csv").open() as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["c", "b", "a"]

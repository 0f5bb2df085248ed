import numpy as np
import pytest

from data.errors import InputError
from pipeline.evaluation.error_breakdown import break_down, in_refined_tiles
from pipeline.evaluation.metrics import distance_to_contour, overlap
from tests.measured import SIZE, photo_of, segmenter_of


def test_every_wrong_pixel_is_counted_once():
    segmenter, photo = segmenter_of(), photo_of()
    truth = np.zeros(SIZE, bool)
    truth[40:150, 60:200] = True
    prediction = segmenter.predict(photo)

    breakdown = break_down(prediction, truth)

    wrong = (prediction.logits > 0) != truth
    assert breakdown.wrong == wrong.sum() == breakdown.by_distance.sum()
    near = distance_to_contour(truth)[wrong]
    assert breakdown.by_distance[1] == ((near >= 1) & (near < 2)).sum() > 0
    assert breakdown.outside == (wrong & ~in_refined_tiles(prediction)).sum() > 0
    assert in_refined_tiles(prediction).sum() == len(prediction.tiles) * prediction.tile**2


def test_photos_not_at_working_size_are_refused():
    segmenter = segmenter_of()
    photo = np.repeat(np.repeat(photo_of(), 2, axis=0), 2, axis=1)

    with pytest.raises(InputError, match="is resampled to"):
        break_down(segmenter.predict(photo), photo[..., 0] > 128)


def test_better_parts_do_no_harm_and_perfect_ones_end_in_the_truth():
    segmenter, photo = segmenter_of(), photo_of()
    prediction = segmenter.predict(photo)
    truth = prediction.logits > 1  # a label that is drawn tight

    breakdown = break_down(prediction, truth)

    assert breakdown.coarse == overlap(prediction.coarse > 0, truth).dice
    assert breakdown.refined < breakdown.best_threshold == 1
    inside = in_refined_tiles(prediction)
    assert breakdown.perfect_tiles < 1
    truth = np.where(inside, truth, prediction.coarse > 0)
    assert break_down(prediction, truth).perfect_tiles == 1

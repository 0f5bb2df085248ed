import numpy as np
import pytest
import torch

from pipeline.evaluation.budget_curve import ORDERS, budget_curve, dice_within, tile_gains
from pipeline.evaluation.metrics import overlap
from pipeline.inference.mask_options import MaskOptions
from tests.measured import SIZE, photo_of, segmenter_of


@pytest.mark.parametrize("order", ORDERS)
def test_dice_within_a_budget_is_that_of_a_prediction_with_that_budget(order: str):
    segmenter, photo = segmenter_of(), photo_of()
    truth = np.zeros(SIZE, bool)
    truth[40:150, 60:200] = True
    gains = tile_gains(segmenter.predict(photo), truth)

    for budget in (0, None):
        mask = segmenter(photo, MaskOptions(budget=budget))
        assert dice_within(gains, budget, order) == pytest.approx(overlap(mask, truth).dice)


def test_dice_within_a_budget_by_weight_is_that_of_a_prediction_with_that_budget():
    segmenter, photo = segmenter_of(), photo_of()
    truth = photo[..., 0] > 128
    gains = tile_gains(segmenter.predict(photo), truth)

    for budget in (1, 7, 25):
        dice = overlap(segmenter(photo, MaskOptions(budget=budget)), truth).dice
        assert dice_within(gains, budget, "summed uncertainty") == pytest.approx(dice)


def test_the_most_doubtful_tile_has_the_pixel_nearest_to_one_half():
    segmenter, photo = segmenter_of(), photo_of()
    prediction = segmenter.predict(photo)
    p = torch.sigmoid(prediction.proposal.coarse[0])

    gains = tile_gains(prediction, photo[..., 0] > 128)

    first = int(np.argmax(gains.orders["largest uncertainty"]))
    row, column = (int(i) for i in prediction.tiles[first])
    block = p[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
    assert (block - 0.5).abs().min() == (p - 0.5).abs().min()


def test_no_order_gains_more_at_once_than_the_true_one():
    segmenter, photo = segmenter_of(), photo_of()
    truth = segmenter(photo)
    gains = tile_gains(segmenter.predict(photo), truth)

    points = budget_curve([gains], (5, 40))

    assert dice_within(gains, None, "summed uncertainty") == 1
    assert [point.budget for point in points] == [5, 40, None]
    assert [point.tiles for point in points] == [5, 40, len(gains.predicted)]
    for point in points:
        assert point.dice["true gain"] == max(point.dice.values())

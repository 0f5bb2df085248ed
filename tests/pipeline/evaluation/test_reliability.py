import numpy as np
import pytest
import torch

from pipeline.evaluation.reliability import Reliability, fit_temperature


def test_reliability_counts_what_was_said_and_what_is_true():
    reliability = Reliability()

    reliability.add(np.float32([[0.05, 0.15], [0.15, 1.0]]), np.float32([[0, 0], [1, 1]]))

    bins = reliability.bins()
    assert [(one.low, one.high) for one in bins] == [(i / 10, (i + 1) / 10) for i in range(10)]
    values = {i: (one.share, one.predicted, one.true) for i, one in enumerate(bins) if one.share}
    assert values == {
        0: (0.25, pytest.approx(0.05), 0),
        1: (0.5, pytest.approx(0.15), 0.5),
        9: (0.25, 1, 1),
    }


def test_the_temperature_that_logits_were_multiplied_by_is_found():
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(100_000, generator=generator) * 2
    labels = torch.bernoulli(torch.sigmoid(true), generator=generator)

    temperature, bias = fit_temperature(((true - 0.5) * 1.7).numpy(), labels.numpy())

    assert temperature == pytest.approx(1.7, rel=0.05)
    assert bias == pytest.approx(0.5, abs=0.05)


def test_photos_add_up_and_what_is_padded_does_not_count():
    together, one_by_one = Reliability(), Reliability()
    p, target = np.float32([[0.2, 0.7], [0.4, 0.9]]), np.float32([[0, 1], [1, 1]])

    together.add(p, target)
    for row in range(2):
        one_by_one.add(np.pad(p[row : row + 1], ((0, 3), (0, 3))), target[row : row + 1])

    assert together.bins() == one_by_one.bins()

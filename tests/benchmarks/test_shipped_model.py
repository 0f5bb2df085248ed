"""How far the mean of a model's scores may be from that of other cars."""

import numpy as np
import pytest

from benchmarks.shipped_model import spread_over_groups


def test_photos_of_one_car_count_as_one():
    cars = [f"{car}" for car in range(12) for _ in range(16)]
    between = np.random.default_rng(1).normal(0.996, 0.001, 12)

    low, high = spread_over_groups(between.repeat(16).tolist(), cars)

    # What the normal distribution says of a mean of 12 independent values.
    error = between.std() / np.sqrt(12)
    assert low == pytest.approx(between.mean() - 1.96 * error, abs=error / 4)
    assert high == pytest.approx(between.mean() + 1.96 * error, abs=error / 4)


def test_groups_count_by_their_photos():
    assert spread_over_groups([0.9, 0.9, 0.9], ["a", "a", "b"]) == pytest.approx((0.9, 0.9))

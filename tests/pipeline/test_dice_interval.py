import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dice_interval import MIN_GROUPS, DiceInterval, fit_dice_interval, limits

INTERVAL = DiceInterval(-0.5, 0.3, 0.9, 200, 15, 0.94)

shares = st.floats(0, 1)


def photos_of(num_groups: int, seed: int, *, apart: float = 0.3) -> tuple[Any, Any, list[str]]:
    """Expected and true Dice of groups of 1 to 16 photos, which err in the same direction."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 17, num_groups)
    groups = [f"group {i}" for i, size in enumerate(sizes) for _ in range(size)]
    of_group = np.repeat(random.normal(0, apart, num_groups), sizes)
    middle = random.normal(5.5, 0.7, len(groups))
    # More masks are worse than expected than are better.
    error = of_group - random.gumbel(0, 0.2, len(groups))
    expected, true = (1 / (1 + np.exp(-logits)) for logits in (middle, middle + error))
    return expected, true, groups


@given(shares, shares)
def test_a_better_mask_has_higher_ends(one: float, other: float):
    worse, better = sorted((one, other))
    low, high = INTERVAL.around(worse)

    assert 0 <= low < high <= 1
    assert INTERVAL.around(better) >= (low, high)


def test_the_errors_at_the_ends_are_in_proportion_to_the_expected_one():
    for expected in (0.99, 0.999):
        low, high = INTERVAL.around(expected)
        odds = [(1 - dice) / dice for dice in (low, expected, high)]

        assert odds[0] / odds[1] == pytest.approx(math.exp(0.5))
        assert odds[2] / odds[1] == pytest.approx(math.exp(-0.3))


@pytest.mark.parametrize("num_groups", [9, 15, 40])
def test_it_holds_for_photos_of_groups_that_it_was_not_fitted_to(num_groups: int):
    held = []
    for seed in range(100):
        expected, true, groups = photos_of(num_groups + 1, seed)
        is_new = np.array([group == groups[-1] for group in groups])
        interval = fit_dice_interval(
            expected[~is_new], true[~is_new], list(np.array(groups)[~is_new])
        )
        assert interval is not None
        for e, t in zip(expected[is_new], true[is_new], strict=True):
            low, high = interval.around(e)
            held.append((low <= t <= high) / is_new.sum())

    # Three standard deviations of a share of 0.9 of a hundred groups are 0.09.
    assert sum(held) / 100 > 0.86
    # It is not everything either.
    low, high = interval.around(0.995)
    assert 0.95 < low < 0.995 < high < 0.9995


def test_the_coverage_that_is_stated_is_that_of_groups_left_out():
    expected, true, groups = photos_of(20, seed=1)
    interval = fit_dice_interval(expected, true, groups)
    assert interval is not None

    names, each = np.array(groups), []
    for name in sorted(set(groups)):
        own = names == name
        rest = fit_dice_interval(expected[~own], true[~own], list(names[~own]))
        assert rest is not None
        ends = [rest.around(e) for e in expected[own]]
        each.append(
            np.mean([low <= t <= high for (low, high), t in zip(ends, true[own], strict=True)])
        )

    assert interval.coverage == pytest.approx(np.mean(each))
    assert (interval.groups, interval.photos) == (20, len(groups))


def test_a_group_counts_as_one_however_many_photos_it_has():
    expected, true, groups = photos_of(20, seed=2)

    def with_odd(num: int) -> DiceInterval:
        interval = fit_dice_interval(
            [*expected, *[0.99] * num], [*true, *[0.5] * num], [*groups, *["odd"] * num]
        )
        assert interval is not None
        return interval

    assert with_odd(500).around(0.99) == pytest.approx(with_odd(1).around(0.99))


def test_too_few_groups_give_no_interval():
    expected, true, groups = photos_of(MIN_GROUPS, seed=0)
    few = [group != groups[0] for group in groups]

    assert fit_dice_interval(expected, true, groups) is not None
    assert (
        fit_dice_interval(expected[few], true[few], [g for g in groups if g != groups[0]]) is None
    )


def test_with_the_fewest_groups_the_limits_hold_all_that_was_seen():
    expected, true, groups = photos_of(MIN_GROUPS, seed=3)

    interval = fit_dice_interval(expected, true, groups)

    assert interval is not None
    for e, t in zip(expected, true, strict=True):
        low, high = interval.around(e)
        assert low - 1e-9 <= t <= high + 1e-9


@pytest.mark.parametrize(("expected", "true"), [(1.0, 1.0), (0.0, 1.0), (0.0, 0.0), (1.0, 0.0)])
def test_perfect_and_empty_masks_are_fitted_too(expected: float, true: float):
    names = [str(i) for i in range(12)]

    interval = fit_dice_interval([expected] * 12, [true] * 12, names)

    assert interval is not None
    assert interval.low < interval.high


def test_a_wider_level_has_wider_limits():
    expected, true, groups = photos_of(30, seed=4)
    differences = np.log(true / (1 - true)) - np.log(expected / (1 - expected))

    narrow, wide = (limits(differences, np.array(groups), level) for level in (0.5, 0.9))

    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_it_comes_back_from_json():
    assert DiceInterval.from_json(INTERVAL.to_json()) == INTERVAL


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"low": 0.3}, "low < high"),
        ({"low": -1e9}, "low < high"),
        ({"low": math.nan}, "finite numbers"),
        ({"high": "0.3"}, "finite numbers"),
        ({"level": True}, "finite numbers"),
        ({"level": 1.0}, "are shares"),
        ({"coverage": 1.5}, "are shares"),
        ({"photos": 0}, "a number of photos"),
        ({"groups": 1.5}, "a number of photos"),
    ],
)
def test_values_that_make_no_sense_are_refused(values: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        replace(INTERVAL, **values)


@pytest.mark.parametrize("values", [[], 3, {}, {"low": 0.1}, INTERVAL.to_json() | {"more": 1}])
def test_what_is_no_interval_is_refused(values: Any):
    with pytest.raises(ValueError, match="dice_interval"):
        DiceInterval.from_json(values)

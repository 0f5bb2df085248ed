from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from data.groups import fold_of, in_validation, split
from data.samples import Sample


def samples_of(groups: Iterable[str], photos_each: int = 3) -> list[Sample]:
    return [
        Sample(f"{group}_{i:02}", Path(f"{group}_{i:02}.jpg"), Path("mask.gif"), group, Path())
        for group in groups
        for i in range(photos_each)
    ]


@given(st.integers(0, 99), st.sampled_from([0.2, 0.5, 0.8]))
def test_photos_of_one_car_stay_together(seed: int, share: float):
    samples = samples_of(f"car{i}" for i in range(80))

    train, held_out = split(samples, share=share, seed=seed)

    assert {s.group for s in train}.isdisjoint(s.group for s in held_out)
    assert sorted(train + held_out) == sorted(samples)
    for side in (train, held_out):  # in the order they came in
        assert side == [sample for sample in samples if sample in side]


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_about_the_share_asked_for_is_held_out(share: float):
    groups = [f"car{i}" for i in range(4000)]

    held_out = [in_validation(group, share=share) for group in groups]

    assert np.mean(held_out) == pytest.approx(share, abs=0.025)


def test_a_group_whose_name_is_no_text_has_a_side():
    assert in_validation("caf\udce9", share=1.0)


def test_a_group_never_changes_sides():
    before = samples_of((f"car{i}" for i in range(20)), photos_each=2)
    after = samples_of((f"car{i}" for i in range(-30, 30)), photos_each=4)

    train, held_out = split(before, share=0.3)
    later_train, later_held_out = split(after[::-1], share=0.3)

    assert {s.group for s in train} < {s.group for s in later_train}
    assert {s.group for s in held_out} < {s.group for s in later_held_out}


def test_a_larger_share_holds_out_the_same_groups_and_more():
    groups = [f"car{i}" for i in range(300)]

    small, large = (
        {group for group in groups if in_validation(group, share=share)} for share in (0.1, 0.3)
    )

    assert small < large


def test_the_split_never_changes_by_accident():
    # Another split would let a network be scored on the cars that it was trained on.
    held_out = [i for i in range(40) if in_validation(f"car{i}", share=0.2)]

    assert held_out == [5, 6, 9, 11, 20, 21, 23, 31, 38]
    assert held_out != [i for i in range(40) if in_validation(f"car{i}", share=0.2, seed=1)]


def test_equal_shares_side_by_side_hold_out_every_group_once():
    groups = [f"car{i}" for i in range(300)]

    held_out = [
        group
        for i in range(3)
        for group in groups
        if in_validation(group, share=1 / 3, start=i / 3, seed=2)
    ]

    assert sorted(held_out) == sorted(groups)


def test_the_first_place_of_a_share_is_in_it_and_the_place_after_it_is_not():
    place = int.from_bytes(sha256(b"7:car").digest()[:6]) / 2**48

    assert in_validation("car", share=0.125, start=place, seed=7)
    assert not in_validation("car", share=place, start=0.0, seed=7)


def test_a_split_is_by_share_start_and_seed():
    samples = samples_of(f"car{i}" for i in range(60))

    _, held_out = split(samples, share=0.3, start=0.6, seed=5)

    assert {sample.group for sample in held_out} == {
        f"car{i}" for i in range(60) if in_validation(f"car{i}", share=0.3, start=0.6, seed=5)
    }


def test_folds_part_the_groups_that_are_not_held_out_evenly():
    groups = [f"car{i}" for i in range(3000)]
    kept = [group for group in groups if not in_validation(group, share=0.5)]

    folds = Counter(fold_of(group, 5) for group in kept)

    assert set(folds) == {0, 1, 2, 3, 4}
    assert all(0.8 < 5 * count / len(kept) < 1.2 for count in folds.values())


def test_folds_are_even_and_every_group_is_in_one():
    groups = [f"car{i}" for i in range(3000)]

    folds = Counter(fold_of(group, 5) for group in groups)

    assert set(folds) == {0, 1, 2, 3, 4}
    assert all(500 < count < 700 for count in folds.values())
    assert Counter(fold_of(group, 5, seed=1) for group in groups) != folds


@given(st.text(), st.integers(1, 20), st.integers(0, 5))
def test_a_fold_is_one_of_those_there_are(group: str, num_folds: int, seed: int):
    assert 0 <= fold_of(group, num_folds, seed=seed) < num_folds


def test_a_single_group_cannot_be_split():
    with pytest.raises(InputError, match=r"1 groups, .*; there must be two groups at least"):
        split(samples_of(["only"]), share=0.5)


@pytest.mark.parametrize(
    ("in_val", "empty", "advice"),
    [(False, "validation", "larger"), (True, "training", "smaller")],
    ids=["none", "all"],
)
def test_a_split_with_an_empty_set_says_what_would_change_that(
    in_val: bool, empty: str, advice: str
):
    cars = [f"car{i}" for i in range(99)]
    chosen = [car for car in cars if in_validation(car, share=0.2) == in_val][:2]

    with pytest.raises(InputError) as caught:
        split(samples_of(chosen), share=0.2)

    assert str(caught.value) == (
        f"the split leaves no photo for {empty}: 2 groups, data.val_share = 0.2, "
        f"data.split_seed = 0; use a {advice} data.val_share, or another data.split_seed"
    )

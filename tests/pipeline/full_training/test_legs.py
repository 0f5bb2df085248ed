"""The trainings of a run, and which photos each of them holds out."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from data.groups import in_validation
from pipeline.config import Config, DataConfig
from pipeline.full_training.legs import FEW_GROUPS, STAGES, folds_of, legs_of

CONFIG = Config(data=DataConfig(val_share=0.3))


def names(num: int) -> set[str]:
    return {f"group-{i}" for i in range(num)}


def test_one_training_holds_out_what_the_settings_say():
    (leg,) = legs_of(CONFIG, names(20), all_photos=False)

    assert leg.config(CONFIG) == CONFIG
    assert [leg.part(stage) for stage in STAGES] == ["coarse", "patches", "refiner"]
    assert leg.holds_out


@given(st.sets(st.text("abcdef", min_size=1), min_size=2, max_size=60), st.integers(2, 6))
def test_folds_hold_each_group_out_once_and_are_of_one_size(groups: set[str], num_folds: int):
    num_folds = min(num_folds, len(groups))
    legs = folds_of(groups, num_folds, split_seed=3)

    held_out = [
        {g for g in groups if in_validation(g, share=leg.val_share, start=leg.val_start, seed=3)}
        for leg in legs
    ]

    assert sorted(g for fold in held_out for g in fold) == sorted(groups)
    assert max(map(len, held_out)) - min(map(len, held_out)) <= 1
    for leg in legs:
        leg.config(CONFIG)
    assert len({leg.folder for leg in legs}) == num_folds


@pytest.mark.parametrize("num", [2, 3, 20, FEW_GROUPS - 1])
def test_few_photos_are_cross_validated_before_all_are_trained_on(num: int):
    *folds, last = legs_of(CONFIG, names(num), all_photos=True)

    assert len(folds) == min(4, num)
    assert all(leg.holds_out for leg in folds)
    assert not last.holds_out
    assert last.folder == ""
    assert last.part("coarse") == "all/coarse"


def test_of_many_photos_one_share_is_held_out_before_all_are_trained_on():
    first, last = legs_of(CONFIG, names(FEW_GROUPS), all_photos=True)

    assert first.config(CONFIG) == CONFIG
    assert last.config(CONFIG) == replace(CONFIG, data=DataConfig(val_share=0))


def test_one_group_cannot_be_held_out_from_itself():
    with pytest.raises(InputError, match="two groups of photos at least"):
        legs_of(CONFIG, names(1), all_photos=False)

"""Settings fitted to a data set, as functions of its facts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.geometry import Size
from data.groups import in_validation
from pipeline.config import Config, DataConfig, RefinerConfig
from pipeline.toml_settings import overlaid
from pipeline.training import fitted_settings
from pipeline.training.photo_facts import ObjectFacts, PhotoFacts, object_facts, summary
from tests.builders import disc

FACTS = PhotoFacts(
    num_photos=20,
    num_groups=20,
    long_side=2048,
    short_side=1024,
    object_share=0.2,
    object_width=300,
    contour=2500,
)

GROUPS = st.sets(st.text("abcdef0123", min_size=1, max_size=6), min_size=2, max_size=120)


@given(GROUPS, st.integers(0, 10))
def test_as_many_groups_are_held_out_as_are_meant_to_be(groups: set[str], seed: int):
    num = fitted_settings.num_validation_groups(len(groups))

    share = fitted_settings.val_share(groups, num, seed)

    held_out = [group for group in groups if in_validation(group, share=share, seed=seed)]
    assert len(held_out) == num
    DataConfig(val_share=share)


@given(st.integers(2, 10**5))
def test_a_fifth_is_held_out_and_at_most_forty(num_groups: int):
    num = fitted_settings.num_validation_groups(num_groups)

    assert 1 <= num < num_groups
    assert num <= max(2, num_groups / 5 + 0.5)
    assert num <= 40
    assert num >= min(40, num_groups // 5)


@given(st.integers(64, 16384), st.floats(0, 2000))
def test_the_working_size_is_one_that_settings_take(side: int, width: float):
    facts = replace(FACTS, long_side=side, object_width=min(width, side))

    choice = fitted_settings.long_side(facts)

    overlaid(Config(), {"data": {"long_side": choice.value}})
    assert choice.value <= max(fitted_settings.LONG_SIDE, min(side, 2 * fitted_settings.LONG_SIDE))
    assert choice.value <= 2.4 * side + 1


def test_small_photos_are_enlarged_and_large_ones_reduced():
    sides = [550, 840, 1700, 2048, 4000, 8000]

    chosen = [fitted_settings.long_side(replace(FACTS, long_side=side)).value for side in sides]

    assert chosen == [1320, 1918, 1918, 1918, 1918, 1918]


@given(st.integers(2000, 9000), st.floats(1, 39), st.floats(1, 39))
def test_the_narrower_an_object_the_larger_large_photos_are_kept(side: int, one: float, two: float):
    narrow, wide = sorted((one, two))

    sizes = [
        fitted_settings.long_side(replace(FACTS, long_side=side, object_width=width)).value
        for width in (narrow, wide)
    ]

    assert sizes[0] >= sizes[1] >= fitted_settings.LONG_SIDE
    assert sizes[0] <= side


def test_few_photos_are_changed_further_than_many():
    few, many = ({c.name: c.value for c in fitted_settings.augmentation(num)} for num in (16, 5000))

    config = overlaid(Config(), fitted_settings.as_settings(fitted_settings.augmentation(16), {}))
    assert few
    assert not many
    assert config.coarse.augment.tint > Config().coarse.augment.tint
    assert config.refiner.augment.contrast > Config().refiner.augment.contrast


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_the_refiner_trains_longer_on_more_patches_but_not_many_times_on_few(one: int, two: int):
    few, many = sorted((one, two))
    config = RefinerConfig()

    steps = [fitted_settings.refiner_steps(config, num) for num in (few, many)]

    assert 1 <= steps[0] <= steps[1]
    assert steps[0] <= fitted_settings.REFINER_PASSES * -(-few // config.batch_size)


def test_settings_that_are_given_are_not_fitted():
    given_settings = {"data": {"long_side": 500}, "coarse": {"augment": {"tint": 0.0}}}
    chosen = fitted_settings.choices(FACTS, {str(i) for i in range(20)})

    table = fitted_settings.as_settings(chosen, given_settings)

    assert "long_side" not in table["data"]
    assert "val_share" in table["data"]
    assert "tint" not in table["coarse"]["augment"]
    assert "saturation" in table["coarse"]["augment"]
    config = overlaid(overlaid(Config(), table), given_settings)
    assert config.data.long_side == 500


def test_every_choice_says_why():
    for choice in fitted_settings.choices(FACTS, {str(i) for i in range(20)}):
        assert len(choice.why.split()) > 3


def test_the_width_of_a_disc_is_its_radius_and_that_of_a_strip_its_own():
    strip = np.zeros((200, 400), np.bool_)
    strip[100:110, 5:-5] = True

    round_facts, strip_facts = object_facts(disc((100, 100), 80, (200, 200))), object_facts(strip)

    round_width, strip_width = (
        summary([facts], 1, 1).object_width for facts in (round_facts, strip_facts)
    )
    assert round_width == pytest.approx(80, rel=0.15)
    assert strip_width == pytest.approx(10, rel=0.15)


def test_facts_are_medians_and_an_empty_mask_has_no_width():
    empty = ObjectFacts(Size(100, 200), 0, 0)

    facts = summary([empty, empty, ObjectFacts(Size(300, 150), 900, 60)], 3, 2)

    assert (facts.long_side, facts.short_side, facts.num_groups) == (200, 100, 2)
    assert (facts.object_share, facts.object_width, facts.contour) == (0, 0, 0)
    assert fitted_settings.long_side(facts).value == 480


@pytest.mark.parametrize(
    ("side", "said"),
    [(2048, "photos of 2048 pixels keep their size"), (4000, "photos of 4000 pixels are reduced")],
)
def test_what_is_said_of_the_working_size_is_what_is_done(side: int, said: str):
    facts = replace(FACTS, short_side=side // 2, long_side=side, object_width=side / 2)

    assert fitted_settings.long_side(facts).why.startswith(said)

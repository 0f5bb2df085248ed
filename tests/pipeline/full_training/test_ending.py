"""The three lines at the end of a training."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.full_training.ending import ending_of, group_means, interval, wrong_looking
from pipeline.full_training.held_out import HeldOut, PhotoResult
from pipeline.full_training.time_plan import Shortage

DICE = st.floats(0, 1)


def photo(name: str, dice: float, expected: float | None = None, group: str = "") -> PhotoResult:
    return PhotoResult(
        name=name,
        photo=f"/data/images/{name}.jpg",
        mask=f"/data/masks/{name}.png",
        group=group or name,
        dice=dice,
        coarse_dice=dice - 0.01,
        boundary_error_px=1.25,
        expected_dice=dice + 0.01 if expected is None else expected,
        tiles=100,
    )


def held_out(*dice: float, all_photos: bool = False) -> HeldOut:
    photos = sorted((photo(f"p{i}", value) for i, value in enumerate(dice)), key=lambda p: p.dice)
    return HeldOut(tuple(photos), all_photos)


def rows(*scores: float) -> list[dict[str, float]]:
    return [{"epoch": i, "steps": 50, "score": score} for i, score in enumerate(scores, 1)]


FLAT = {"coarse network": {"": rows(0.98, 0.99, 0.99, 0.99, 0.99, 0.99)}}


def test_how_good_it_is_stands_beside_the_coarse_network():
    ending = ending_of(held_out(0.99, 0.98), FLAT)

    assert ending.how_good == (
        "Dice 0.9850, contour off by 1.2 pixels, on 2 photos that the networks were not trained "
        "on; the coarse network alone 0.9750"
    )
    assert ending.lines[0] == f"how good: {ending.how_good}"


def test_photos_without_a_contour_have_none_to_be_off():
    scores = HeldOut((replace(photo("empty", 1.0), boundary_error_px=None),))

    assert "contour" not in ending_of(scores, FLAT).how_good


def test_a_model_of_all_photos_is_a_little_better_than_its_figures():
    ending = ending_of(held_out(0.99, 0.98, all_photos=True), FLAT)

    assert ending.how_good.endswith("trained on these too, and should be a little better")


def test_four_photos_tell_little_and_forty_that_agree_tell_enough():
    few = ending_of(held_out(0.99, 0.97, 0.98, 0.985), FLAT).how_sure
    many = ending_of(held_out(*[0.98 + 0.0001 * i for i in range(40)]), FLAT).how_sure

    assert few.endswith("4 photos tell little")
    assert "the worst photo has 0.9700, p1" in few
    assert "tell little" not in many


def test_one_photo_tells_nothing():
    assert ending_of(held_out(0.99), FLAT).how_sure.startswith("not at all")


def test_photos_of_one_group_are_one_value():
    photos = [photo("a1", 0.9, group="a"), photo("a2", 0.8, group="a"), photo("b1", 0.6, group="b")]

    assert group_means(photos) == pytest.approx([0.85, 0.6])


@given(st.lists(DICE, min_size=2, max_size=50))
def test_an_interval_holds_its_mean(values: list[float]):
    low, high = interval(values)

    assert low is not None
    assert high is not None
    assert 0 <= low <= sum(values) / len(values) + 1e-9
    assert sum(values) / len(values) - 1e-9 <= high <= 1


def test_the_interval_is_that_of_students_t():
    low, high = interval([0.1, 0.2, 0.3])

    assert (low, high) == pytest.approx((0, 0.2 + 4.303 * 0.1 / 3**0.5), abs=1e-3)


def test_a_mask_that_looks_wrong_comes_first():
    photos = [photo(f"p{i}", 0.98, 0.99) for i in range(9)]
    wrong = photo("odd", 0.70, 0.985)
    rising = {"refiner": {"": rows(0.5, 0.6, 0.7, 0.8, 0.9, 0.95)}}

    ending = ending_of(HeldOut((wrong, *photos)), rising)

    assert ending.what_helps == (
        "a look at the mask /data/masks/odd.png: the model expects 0.985 and they agree to 0.700; "
        "if the mask is wrong, correct it"
    )


def test_a_photo_that_the_model_is_not_sure_of_has_no_wrong_mask():
    photos = [photo(f"p{i}", 0.98, 0.99) for i in range(9)]

    assert not wrong_looking([photo("hard", 0.7, 0.8), *photos])
    assert not wrong_looking(photos)


def test_a_curve_that_still_rises_asks_for_time():
    stages = {
        "coarse network": {"": rows(0.98, 0.99, 0.99, 0.99, 0.99, 0.99)},
        "refiner": {"": rows(0.9, 0.91, 0.92, 0.93, 0.94, 0.97)},
    }

    helps = ending_of(held_out(0.97, 0.96, 0.98), stages).what_helps

    assert helps.startswith("more time: the Dice of the refiner still rose by 0.0400")


def test_a_rise_of_one_fold_alone_is_not_enough():
    level = rows(0.98, 0.99, 0.99, 0.99, 0.99, 0.99)
    stages = {"coarse network": {"fold-1": rows(0.9, 0.9, 0.9, 0.9, 0.9, 0.905), "fold-2": level}}

    assert ending_of(held_out(0.9, 0.92), stages).what_helps.startswith("more photos")


def test_otherwise_more_photos_help_like_those_that_are_least_certain():
    photos = (photo("a", 0.95, 0.97), photo("b", 0.96, 0.95), photo("c", 0.97, 0.99))

    helps = ending_of(HeldOut((*photos, photo("d", 0.98, 0.96))), FLAT).what_helps

    assert helps.endswith("such as those the model is least sure of: b, d, a")


@given(st.lists(st.tuples(DICE, DICE), min_size=1, max_size=12), st.booleans())
def test_there_are_always_three_lines(values: list[tuple[float, float]], all_photos: bool):
    photos = [photo(f"p{i}", dice, expected) for i, (dice, expected) in enumerate(values)]

    ending = ending_of(HeldOut(tuple(sorted(photos, key=lambda p: p.dice)), all_photos), FLAT)

    assert all(line and "\n" not in line for line in ending.lines)


def test_too_few_steps_come_before_any_other_advice():
    ending = ending_of(held_out(0.99, 0.98), FLAT, Shortage("coarse", 8, 949))

    assert ending.what_helps.startswith("more time: the coarse network took 8 of the 949 steps")

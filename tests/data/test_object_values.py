"""What the setting `data.object` may be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import SettingsError
from data.object_values import ObjectValues, checked_entries, colour_name, colour_of, object_values


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([1, 2], ObjectValues(frozenset({1, 2}))),
        (["1", "2"], ObjectValues(frozenset({1, 2}))),
        (
            ["#00b000", "#FF0000"],
            ObjectValues(frozenset(), frozenset({(0, 176, 0), (255, 0, 0)})),
        ),
        (["not 0"], ObjectValues(frozenset({0}), is_complement=True)),
        (["not 0", "not #ff0000"], ObjectValues(frozenset({0}), frozenset({(255, 0, 0)}), True)),
        ([65535], ObjectValues(frozenset({65535}))),
        (["car", "notebook"], ObjectValues(frozenset(), names=frozenset({"car", "notebook"}))),
        (["not a car"], ObjectValues(frozenset(), is_complement=True, names=frozenset({"a car"}))),
        (["00b000"], ObjectValues(frozenset(), names=frozenset({"00b000"}))),
    ],
)
def test_entries_are_numbers_or_colours_or_what_is_not_the_object(
    entries: list[int | str], expected: ObjectValues
):
    assert object_values(entries) == expected


def test_no_entry_chooses_nothing():
    assert object_values(()) is None


@pytest.mark.parametrize(("given_", "expected"), [("not 0", ("not 0",)), (3, (3,)), ([], ())])
def test_a_single_entry_needs_no_list(given_: Any, expected: tuple[int | str, ...]):
    assert checked_entries(given_) == expected


@pytest.mark.parametrize(
    "given_",
    ["", " red", "#00b00", "#00b0000", "not", "not not 1", -1, 65536, "65536", [1.5], [True], {}],
)
def test_anything_else_is_refused_with_what_is_accepted(given_: Any):
    with pytest.raises(SettingsError, match=r'object must be \[1, 2\].*"not 0"'):
        checked_entries(given_)


def test_what_is_and_what_is_not_the_object_do_not_go_together():
    with pytest.raises(SettingsError, match="does both"):
        checked_entries([1, "not 0"])


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (["car"], ["car"]),
        (["not car"], ["tree", "bus"]),
        ([2, "car"], ["car", "bus"]),
        (["not 2"], ["car", "tree"]),
        (["#00b000"], []),
    ],
)
def test_categories_of_polygons_are_chosen_by_name_or_number(
    entries: list[int | str], found: list[str]
):
    values = object_values(entries)

    numbers = {"car": 0, "tree": None, "bus": 2}
    assert values is not None
    assert [name for name, number in numbers.items() if values.has_category(name, number)] == found


@given(colour=st.tuples(*[st.integers(0, 255)] * 3))
def test_the_name_of_a_colour_gives_the_colour_back(colour: tuple[int, int, int]):
    assert colour_of(colour_name(colour)[1:]) == colour

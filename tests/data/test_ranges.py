from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import SettingsError
from data.ranges import Checked, Range, shown


@dataclass(frozen=True, kw_only=True)
class Values(Checked):
    whole: Annotated[int, Range(1, 9)] = 1
    number: Annotated[float, Range(-1, 1)] = 0.0
    choice: Literal[4, "four"] = 4
    pair: tuple[int, int] = (1, 2)
    names: tuple[str, ...] = ()
    flag: bool = False


def attempt(name: str, value: Any) -> tuple[Values | None, str]:
    """What comes of setting one field: values, or a message."""
    try:
        return Values(**{name: value}), ""
    except SettingsError as error:
        return None, str(error)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.sampled_from(["whole", "number", "choice", "pair", "names", "flag"]), ANYTHING)
def test_a_value_is_of_its_type_and_range_or_refused_in_one_line(name: str, value: Any):
    made, message = attempt(name, value)

    if made is None:
        assert message.startswith(f"{name} ")
        assert "\n" not in message
        assert len(message) < 200
        return
    assert type(made.whole) is int
    assert 1 <= made.whole <= 9
    assert type(made.number) is float
    assert -1 <= made.number <= 1
    assert made.choice in (4, "four")
    assert [type(item) for item in made.pair] == [int, int]
    assert type(made.names) is tuple
    assert all(type(item) is str for item in made.names)
    assert type(made.flag) is bool


@pytest.mark.parametrize(("value", "made"), [(1, 1.0), (0.5, 0.5)])
def test_a_whole_number_is_a_number(value: float, made: float):
    assert repr(Values(number=value).number) == repr(made)


@pytest.mark.parametrize("value", [True, 4.0, "4"])
def test_a_choice_is_of_the_type_of_the_choices(value: Any):
    with pytest.raises(SettingsError, match="choice must be one of 4, 'four', not"):
        Values(choice=value)


@pytest.mark.parametrize(
    ("allowed", "text"),
    [
        (Range(1), "at least 1"),
        (Range(0, 10**6), "from 0 to 1000000"),
        (Range(1e-12), "at least 1e-12"),
        (Range(0.001, 0.999), "from 0.001 to 0.999"),
    ],
)
def test_a_range_says_what_it_is(allowed: Range, text: str):
    assert str(allowed) == text


def test_infinity_is_in_no_range():
    assert float("inf") not in Range(0)
    assert float("nan") not in Range(0)
    assert 10**400 in Range(0)


def test_what_is_long_is_shown_short():
    assert shown(list(range(100))) == "[0, 1, 2, 3, 4, 5, ...]"
    assert len(shown("x" * 1000)) == 80
    assert "thousands of digits" in shown(16**9999)

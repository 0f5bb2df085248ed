"""Where the lines of a chart lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.reporting.line_chart import HEIGHT, WIDTH, chart_of, shown_range, ticks

VALUES = st.floats(-10, 10)
POINTS = st.lists(VALUES, min_size=1, max_size=40)


@given(POINTS, POINTS)
def test_every_point_is_in_the_area(one: list[float], two: list[float]):
    chart = chart_of(
        {
            name: [(i + 1, v) for i, v in enumerate(values)]
            for name, values in (("one", one), ("two", two))
        }
    )

    for line in chart.lines:
        for x, y in line.points:
            assert 0 < x <= WIDTH
            assert -1e-6 <= y <= HEIGHT + 1e-6
    for tick in chart.upward:
        assert -1e-6 <= tick.at <= HEIGHT + 1e-6
    assert all(0 <= tick.at <= WIDTH + 1e-6 for tick in chart.across)


def test_a_higher_value_is_higher_up():
    (line,) = chart_of({"Dice": [(50, 0.90), (100, 0.95), (150, 0.93)]}).lines

    first, second, third = (y for _, y in line.points)
    assert first > third > second
    assert [x for x, _ in line.points] == pytest.approx([WIDTH / 3, WIDTH * 2 / 3, WIDTH])


def test_a_bad_start_does_not_flatten_the_rest():
    scores = [0.1, *(0.95 + 0.001 * i for i in range(20))]

    low, high = shown_range(scores)

    assert 0.9 < low < 0.955
    assert high > scores[-1]


@given(VALUES, st.floats(1e-6, 100))
def test_ticks_are_few_round_and_within(low: float, span: float):
    found = ticks(low, low + span)

    assert 2 <= len(found) <= 7
    assert all(low - 1e-9 <= value <= low + span + 1e-9 for value in found)


def test_the_axis_names_values_with_as_many_digits_as_they_need():
    chart = chart_of({"loss": [(1, 0.1), (2, 0.5)]})

    assert [tick.text for tick in chart.upward] == ["0.1", "0.2", "0.3", "0.4", "0.5"]


def test_nothing_to_draw_is_an_empty_chart():
    assert not chart_of({"a": [], "b": []}).lines

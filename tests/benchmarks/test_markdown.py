import pytest

from benchmarks.markdown import number, table


def test_a_table_has_a_line_for_each_row_and_a_rule_below_the_headings():
    text = table(["", "Dice"], [["coarse", "0.9"], ["refined", ""]])

    assert text == "| | Dice |\n|---|---|\n| coarse | 0.9 |\n| refined | |\n"


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="a row of 1 cells under 2 headings"):
        table(["a", "b"], [["1"]])


def test_a_number_that_is_missing_is_a_dash():
    assert [number(value, ".2f") for value in (1, 0.125, None)] == ["1.00", "0.12", "-"]

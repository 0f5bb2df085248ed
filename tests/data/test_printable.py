import pytest

from data.printable import LONGEST, cell, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a plain name.jpg", "a plain name.jpg"),
        ("Größe 車 🚗.jpg", "Größe 車 🚗.jpg"),
        ("two\nlines", "two\nlines"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\rb\tc\x07\x9b", "a\\rb\\tc\\x07\\x9b"),
        ("photo\u202egpj.exe", "photo\\u202egpj.exe"),
        ("no text: \udcff", "no text: \\udcff"),
        ("line\u2028break", "line\\u2028break"),
    ],
)
def test_what_could_move_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_message_is_of_bounded_length() -> None:
    assert len(printable("x" * 10**6)) == LONGEST + 3


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_spreadsheet_takes_no_name_for_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert cell(f"a{text}") == f"a{text}"

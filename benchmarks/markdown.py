"""Tables in Markdown, and the line above them."""

from collections.abc import Iterable, Sequence

from pipeline.model import Model, identity


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return `rows` under `headings` as a table in Markdown, with a line break in the end.

    Raises:
        ValueError: a row has more or fewer cells than there are headings.
    """
    lines = [_line(headings), "|---" * len(headings) + "|"]
    for row in rows:
        if len(row) != len(headings):
            raise ValueError(f"a row of {len(row)} cells under {len(headings)} headings: {row}")
        lines.append(_line(row))
    return "\n".join(lines) + "\n"


def number(value: float | None, form: str) -> str:
    """Return `value` in the format `form`, such as .3f; a dash for None."""
    return "-" if value is None else f"{value:{form}}"


def of_model(model: Model, num_photos: int) -> str:
    """Return the line above a table that says which model it is of, and of how many photos."""
    return f"model {identity(model)[:16]}, {num_photos} photos\n"


def _line(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)

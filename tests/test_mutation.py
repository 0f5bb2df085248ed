import tomllib
from pathlib import Path

import pytest

from tests.mutation import accepted

TESTS = Path(__file__).parent
TABLE: dict[str, list[str]] = tomllib.loads((TESTS / "mutation/table.toml").read_text())["modules"]


@pytest.mark.parametrize("module", TABLE)
def test_modules_and_tests_in_the_table_of_mutants_are_there(module: str):
    assert (TESTS.parent / module).is_file()
    for name in TABLE[module]:
        assert len(list(TESTS.rglob(f"test_{name}.py"))) == 1, name


@pytest.mark.parametrize("entry", accepted.load(), ids=lambda entry: entry.reason[:40])
def test_what_is_accepted_has_a_reason_and_stands_in_the_table(entry: accepted.Accepted):
    assert entry.reason.endswith(".")
    assert entry.module in ("", *TABLE)
    assert not entry.change.fullmatch("-    a = b(c)\n+    a = None")


@pytest.mark.parametrize(
    ("after", "is_accepted"),
    [
        ("zip(a, b, strict=False)", True),
        ("zip(a, b, )", True),
        ("zip(a, None, strict=True)", False),
        ("zip(a, strict=True)", False),
    ],
)
def test_a_change_of_a_guard_is_accepted_and_none_beside_it(after: str, is_accepted: bool):
    change = ["-    for x in zip(a, b, strict=True):", f"+    for x in {after}:"]

    assert bool(accepted.reason_of("a.py", change, accepted.load())) == is_accepted

import tomllib
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TABLE: dict[str, list[str]] = tomllib.loads((TESTS / "mutation/table.toml").read_text())["modules"]


@pytest.mark.parametrize("module", TABLE)
def test_modules_and_tests_in_the_table_of_mutants_are_there(module: str):
    assert (TESTS.parent / module).is_file()
    for name in TABLE[module]:
        assert len(list(TESTS.rglob(f"test_{name}.py"))) == 1, name

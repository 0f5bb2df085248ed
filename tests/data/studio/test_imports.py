"""Who may import whom in the studio: the renderer knows no cars, and a car knows no studio."""

import ast
from pathlib import Path

import pytest

STUDIO = Path(__file__).parents[3] / "data" / "studio"
BELOW = {"render": {"render"}, "car": {"render", "car"}}


def parts_imported(path: Path) -> set[str]:
    """The modules and folders of the studio that a file imports from."""
    names = {
        node.module
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    return {name.split(".")[2] for name in names if name.startswith("data.studio.")}


@pytest.mark.parametrize("folder", BELOW)
def test_a_folder_of_the_studio_imports_only_what_lies_below_it(folder: str):
    paths = sorted((STUDIO / folder).glob("*.py"))

    assert len(paths) > 4
    for path in paths:
        assert parts_imported(path) <= BELOW[folder], path.name

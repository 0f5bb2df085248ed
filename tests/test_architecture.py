"""Who may import whom; docs/architecture.md draws the same picture."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED: dict[str, set[str]] = {
    "data": set(),
    "coarse": {"data"},
    "refine": {"data"},
    "pipeline": {"data", "coarse", "refine"},
}
OURS = {*ALLOWED, "tests", "benchmarks"}


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_what_lies_below_them(package: str):
    paths = sorted((ROOT / package).rglob("*.py"))

    assert paths
    for path in paths:
        imported = {name.partition(".")[0] for name in imports(path)}
        upward = imported & OURS - ALLOWED[package] - {package}
        assert not upward, f"{path.relative_to(ROOT)} imports {sorted(upward)}"


@pytest.mark.parametrize("package", ["coarse", "refine"])
def test_what_computes_reads_no_files(package: str):
    for path in sorted((ROOT / package).rglob("*.py")):
        touching = imports(path) & {"os", "pathlib", "shutil", "tempfile", "data.images"}
        assert not touching, f"{path.relative_to(ROOT)} imports {sorted(touching)}"


def test_an_import_inside_a_function_counts(tmp_path: Path):
    file = tmp_path / "module.py"
    file.write_text("import data.rle\n\n\ndef late():\n    from refine import stitch\n")

    assert imports(file) == {"data.rle", "refine"}


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            names.add(node.module or "")
    return names

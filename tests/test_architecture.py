"""Who may import whom; docs/explanation/architecture.md draws the same picture."""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED: dict[str, set[str]] = {
    "data": set(),
    "coarse": {"data"},
    "refine": {"data"},
    "pipeline": {"data", "coarse", "refine"},
    "foveamask": {"data", "pipeline"},
}
OURS = {*ALLOWED, "tests", "benchmarks"}

FLOORS = [
    {"dice_interval", "network_config", "progress", "provenance", "schedule_config"},
    {"config"},
    {"toml_settings"},
    {"new_networks", "settings_page"},
    {"described_networks"},
    {"model"},
    {"model_folder", "seen_photos"},
    {"inference"},
    {"evaluation"},
    {"training", "reporting", "exporting"},
    {"auditing", "checking"},
    {"full_training"},
    {"demo", "serving"},
    {"reviewing"},
    {"cli"},
    {"__main__"},
]
"""The parts of `pipeline`, from the ground up: each may import those of lower floors."""

MAX_LINES = 300


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_what_lies_below_them(package: str):
    paths = sorted((ROOT / package).rglob("*.py"))

    assert paths
    for path in paths:
        imported = {name.partition(".")[0] for name in imports(path)}
        upward = imported & OURS - ALLOWED[package] - {package}
        assert not upward, f"{path.relative_to(ROOT)} imports {sorted(upward)}"


def test_every_part_of_the_pipeline_has_its_floor():
    parts = {path.stem for path in (ROOT / "pipeline").iterdir() if is_code(path)}

    assert parts - {"__init__"} == set().union(*FLOORS)


@pytest.mark.parametrize("part", sorted(set().union(*FLOORS)))
def test_the_parts_of_the_pipeline_import_only_what_lies_below_them(part: str):
    above = set().union(*FLOORS[floor_of(part) :]) - {part}
    folder = ROOT / "pipeline" / part
    paths = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]

    assert paths
    for path in paths:
        imported = {name.split(".")[1] for name in imports(path) if name.startswith("pipeline.")}
        assert not imported & above, f"{path.relative_to(ROOT)} imports {sorted(imported & above)}"


def test_no_module_imports_one_that_imports_it():
    known = {module_name(path): path for path in modules()}
    arrows = {name: imports(path) & set(known) for name, path in known.items()}

    assert not [circle for name in arrows if (circle := circle_from(name, arrows))]


def test_no_two_modules_have_one_name_nor_names_that_differ_by_a_plural():
    names = Counter(
        path.parent.name if path.stem == "__init__" else path.stem
        for path in modules()
        if path.stem != "__main__"
    )

    assert not [name for name, count in names.items() if count > 1]
    assert not [name for name in names if f"{name}s" in names]


def test_no_file_is_too_long_to_be_read_at_once():
    paths = [*modules(), *(ROOT / "tests").rglob("*.py")]
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in paths}

    assert not {path: length for path, length in lengths.items() if length > MAX_LINES}


@pytest.mark.parametrize("package", ["coarse", "refine"])
def test_what_computes_reads_no_files(package: str):
    for path in sorted((ROOT / package).rglob("*.py")):
        touching = imports(path) & {"os", "pathlib", "shutil", "tempfile", "data.images"}
        assert not touching, f"{path.relative_to(ROOT)} imports {sorted(touching)}"


def test_an_import_inside_a_function_counts(tmp_path: Path):
    file = tmp_path / "module.py"
    file.write_text("import data.rle\n\n\ndef late():\n    from refine import stitch\n")

    assert imports(file) == {"data.rle", "refine", "refine.stitch"}


def test_a_circle_is_found():
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}

    assert circle_from("b", arrows) == ["b", "c", "b"]
    assert not circle_from("d", arrows)


def imports(path: Path) -> set[str]:
    """Every module that a file imports, and every name in it that may be a module."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def circle_from(start: str, arrows: dict[str, set[str]]) -> list[str]:
    """The shortest way from a module along `arrows` back to itself, empty where there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for name in sorted(arrows[way[-1]]):
            if name == start:
                return [*way, start]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def modules() -> list[Path]:
    """Every module of the packages."""
    folders = [*ALLOWED, "benchmarks"]
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    """What an import calls the module at `path`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_code(path: Path) -> bool:
    """Whether `path` is a module, or a folder of some."""
    return path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))


def floor_of(part: str) -> int:
    """Which of `FLOORS` a part is on."""
    return next(i for i, floor in enumerate(FLOORS) if part in floor)

"""The documents say what the code does."""

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from data.geometry import Size
from data.studio import render_photo
from pipeline.cli import app
from pipeline.cli.standard_streams import with_streams
from pipeline.config import Config
from pipeline.toml_settings import load_settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "pipeline" / "weights").rglob("*.md"),
]


def commands() -> Iterator[tuple[str, str]]:
    """Every line of a shell block that calls foveamask or one of the benchmarks."""
    for path in DOCUMENTS:
        for block in re.findall(r"```sh\n(.*?)```", path.read_text(), flags=re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                command = re.split(r"\s#|>", line)[0].strip()
                if command.startswith(("foveamask ", "python -m benchmarks.")):
                    yield path.name, command


@pytest.mark.parametrize(("document", "command"), sorted(set(commands())))
def test_every_command_in_the_documents_is_one(document: str, command: str):
    program, *arguments = shlex.split(command.removeprefix("python -m "))
    named = app if program == "foveamask" else importlib.import_module(program).app

    _, bound, *_ = named.parse_args(with_streams(arguments), exit_on_error=False)

    assert bound is not None


@pytest.mark.slow
def test_the_python_of_the_readme_gives_a_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    photo, truth = render_photo(0, 0, 3, size=Size(320, 480))
    Image.fromarray(photo).save(tmp_path / "car.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}

    exec(block, names)

    assert names["mask"].shape == truth.shape
    assert names["mask"].dtype == bool


def python_blocks() -> Iterator[tuple[str, str]]:
    """Every block of Python of a page, but for the page that is made of a script."""
    for path in DOCUMENTS:
        if path.stem != "one-photo":
            for block in re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL):
                yield path.name, block


@pytest.mark.parametrize(("document", "block"), sorted(set(python_blocks())))
def test_python_in_the_documents_imports_what_is_there(document: str, block: str):
    parsed = ast.parse(block)

    for statement in ast.walk(parsed):
        if isinstance(statement, ast.ImportFrom) and statement.module is not None:
            module = importlib.import_module(statement.module)
            missing = [name.name for name in statement.names if not hasattr(module, name.name)]
            assert not missing, document


def test_the_documents_have_commands():
    documented = {command for _, command in commands()}

    assert {command.split()[1] for command in documented if "python" not in command} >= {
        "predict", "evaluate", "train-coarse", "make-patches", "train-refiner", "demo-data",
        "export",
    }  # fmt: skip
    assert {command.split()[2] for command in documented if "python" in command} >= {
        f"benchmarks.{name}" for name in ("ablation", "cross_validation", "decisions", "peers")
    }


def test_every_link_between_documents_leads_somewhere():
    for path in DOCUMENTS:
        for target, anchor in re.findall(r"\]\(([^):#]*)(?:#([^)]+))?\)", path.read_text()):
            file = path.parent / target if target else path
            assert file.exists(), f"{path.name}: {target}"
            assert not anchor or anchor in anchors(file), f"{path.name}: {target}#{anchor}"


def anchors(path: Path) -> set[str]:
    """What the headings of a document are called in links to them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_file_that_the_architecture_names_is_there():
    named = set(
        re.findall(
            r"`((?:data|coarse|refine|pipeline|benchmarks)/[\w/.]+)`",
            (ROOT / "docs" / "explanation" / "architecture.md").read_text(),
        )
    )

    assert named
    assert not {name for name in named if not (ROOT / name).exists()}


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "docs/explanation/architecture.md",
        "docs/reference/data-format.md",
        *(str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "results").glob("*.md")),
        "pipeline/weights/carvana/README.md",
        "pipeline/weights/carvana-base/README.md",
        "pipeline/weights/carvana-masks/README.md",
    ],
)
def test_every_setting_that_a_document_shows_exists(document: str):
    text = (ROOT / document).read_text()
    shown = re.findall(r"`((?:data|coarse|tiles|refiner)\.[\w.]+)[` ]", text)

    for name in shown:
        if name.endswith(".safetensors"):
            continue
        assert hasattr(attrgetter(name.rpartition(".")[0])(Config()), name.rpartition(".")[2]), name


@pytest.mark.parametrize(
    "path",
    [*(ROOT / "benchmarks").glob("*.toml"), *(ROOT / "pipeline" / "weights").rglob("*.toml")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_settings_file_that_a_document_names_is_read(path: Path):
    assert load_settings(path) != Config()


def test_the_settings_file_in_the_documents_is_read(tmp_path: Path):
    text = (ROOT / "docs" / "reference" / "settings.md").read_text()
    (block,) = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    (tmp_path / "settings.toml").write_text(block)

    assert load_settings(tmp_path / "settings.toml") != Config()

"""Tables and pictures of the documentation are those that their commands make."""

import json
import re
from collections.abc import Callable

import pytest

from benchmarks.illustrations.architecture import architecture
from benchmarks.illustrations.patch_layout import patch_layout
from benchmarks.kept_tables import all_kept
from benchmarks.results_pages import BLOCK, TABLES, pages, with_tables
from benchmarks.shipped_model import RESULT, headline_table
from pipeline.model import identity
from pipeline.model_folder import load_model
from tests.documentation.built_pages import ROOT

RESULTS = ROOT / "docs" / "results"
SAYS_WHICH_MODEL = re.compile(
    r"\*(Model `[0-9a-f]{16}`|History: |Models of their own|No model)", re.MULTILINE
)


def sections() -> list[tuple[str, str]]:
    """Every section of the results that has a table, by page and title."""
    found = []
    for path in sorted(RESULTS.glob("*.md")):
        for section in re.split(r"^## ", path.read_text(), flags=re.MULTILINE)[1:]:
            if "\n|---" in section and path.name != "index.md":
                found.append((f"{path.name}: {section.splitlines()[0]}", section))
    return found


def test_the_tables_in_the_documentation_have_the_figures_of_their_files():
    for page in pages():
        text = page.read_text()
        assert with_tables(text) == text, f"{page}: run python -m benchmarks.results_pages"


def test_every_table_that_is_made_of_files_stands_in_some_page():
    shown = {found[1] for page in pages() for found in BLOCK.findall(page.read_text())}

    assert shown == set(TABLES) | {kept.name for kept in all_kept()}


@pytest.mark.parametrize(("title", "section"), sections(), ids=[name for name, _ in sections()])
def test_every_section_with_a_table_says_of_which_model_it_is(title: str, section: str):
    assert SAYS_WHICH_MODEL.search(section) or "<!-- table: shipped-model -->" in section, title


def test_models_that_results_are_of_are_the_one_in_the_package():
    hashes = {
        found
        for path in RESULTS.glob("*.md")
        for found in re.findall(r"[Mm]odel `([0-9a-f]{16})`", path.read_text())
    }

    names = ("carvana", "carvana-base", "carvana-masks")
    assert hashes == {identity(load_model(name))[:16] for name in names}


def test_the_scores_that_are_kept_are_of_the_model_in_the_package():
    assert json.loads(RESULT.read_text())["model"] == identity(load_model("carvana"))


def test_the_readme_has_the_scores_that_are_kept():
    result = json.loads(RESULT.read_text())
    readme = (ROOT / "README.md").read_text()

    assert f"**{result['refined']['dice']:.4f}**" in readme
    assert f"**{result['refined']['boundary_error_px']:.2f}**" in readme


def test_the_table_of_both_stages_says_what_it_is_of():
    stage = {"dice": 0.5, "boundary_error_px": 1.0, "boundary_iou_2px": 0.25}
    result = {
        **{"model": "0123456789abcdef0123", "photos": 3, "tiles": 5.0, "tiles_share": 0.5},
        **{"gmac": {"coarse": 1.0, "refined": 2.0}},
        **dict.fromkeys(("coarse_nearest", "coarse", "refined"), stage),
        **{"groups": 2, "refined_dice_95": [0.4, 0.6], "date": "2026-01-02", "processor": "a CPU"},
    }

    *_, last, _, below = headline_table(result).splitlines()

    assert last == "| **refined** | 0.5000 | 1.00 | 0.250 | 5 (50.0%) | 2.0 |"
    assert below.startswith("Model `0123456789abcdef`, 3 photos. Refined Dice of 2 groups ")
    assert below.endswith(": 0.4000 to 0.6000 in 95 of 100 draws. 2026-01-02, a CPU.")


@pytest.mark.parametrize(
    ("name", "drawn"), [("architecture", architecture), ("patch_layout", patch_layout)]
)
def test_figures_are_those_that_their_scripts_draw(name: str, drawn: Callable[[], str]):
    assert (ROOT / f"docs/images/{name}.svg").read_text() == drawn()


def test_every_picture_has_its_command_and_is_shown():
    pictures = {path.name for path in (ROOT / "docs" / "images").iterdir()}
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    shown = "".join(page.read_text() for page in pages())

    assert pictures == {name for name in pictures if f"`{name}`" in contributing}
    assert pictures == {name for name in pictures if f"images/{name})" in shown}


def test_every_page_that_code_names_is_there():
    named = {
        name
        for package in ("data", "coarse", "refine", "pipeline", "foveamask", "benchmarks")
        for path in (ROOT / package).rglob("*.py")
        for name in re.findall(r"\bdocs/[\w/-]+\.md", path.read_text())
    }

    assert named
    assert not {name for name in named if not (ROOT / name).exists()}

"""The notebook of one photo is that of its script, and the script runs."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jupytext
import matplotlib.pyplot as plt
import pytest

from benchmarks.illustrations.notebook import NOTEBOOK, PAGE, PICTURES, SCRIPT


def test_the_notebook_has_the_cells_of_the_script():
    script = [(cell.cell_type, cell.source) for cell in jupytext.read(SCRIPT).cells]
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    kept = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]

    assert kept == script, "run: python -m benchmarks.illustrations.notebook"


def test_the_page_has_the_code_of_the_script_and_all_pictures():
    code = [cell.source for cell in jupytext.read(SCRIPT).cells if cell.cell_type == "code"]
    page = PAGE.read_text()

    assert re.findall(r"```python\n(.*?)\n```", page, re.DOTALL) == code
    assert set(re.findall(r"one_photo/([\w.-]+)\)", page)) == {
        path.name for path in PICTURES.iterdir()
    }


@pytest.fixture
def without_screen() -> Iterator[None]:
    backend = plt.get_backend()
    plt.switch_backend("Agg")
    yield
    plt.close("all")
    plt.switch_backend(backend)


@pytest.mark.slow
@pytest.mark.usefixtures("without_screen")
def test_the_script_runs_and_refining_gains():
    names: dict[str, Any] = {"__name__": "one_photo"}

    exec(compile(SCRIPT.read_text(), SCRIPT, "exec"), names)

    assert names["scores"]["refined"] > names["scores"]["coarse"] > 0.95
    assert names["by_budget"][0] == names["scores"]["coarse"]
    assert names["by_budget"][-1] == names["scores"]["refined"]

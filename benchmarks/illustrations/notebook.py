"""The notebook of one photo, made from its script.

    pip install -e '.[notebook]'
    python -m benchmarks.illustrations.notebook

docs/tutorials/one_photo.py is the source, a script with cells that the tests run. This command runs
it as a notebook and writes docs/tutorials/one_photo.ipynb with all pictures, and the page
docs/tutorials/one-photo.md with the same.
"""

import base64
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclopts import App

from data.files import write_bytes
from pipeline.cli.program import run

app = App(name="python -m benchmarks.illustrations.notebook", help=__doc__, help_format="plaintext")

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
SCRIPT, NOTEBOOK = TUTORIALS / "one_photo.py", TUTORIALS / "one_photo.ipynb"
PAGE, PICTURES = TUTORIALS / "one-photo.md", TUTORIALS / "one_photo"

HEAD = "<!-- Made by `python -m benchmarks.illustrations.notebook` from one_photo.py. -->\n\n"
FOOT = "\nThe same as a [notebook](one_photo.ipynb) and as a [script](one_photo.py).\n"


def executed() -> Any:
    """Return the notebook of the script, with what its cells have printed and drawn."""
    import jupytext
    from nbclient import NotebookClient

    notebook = jupytext.read(SCRIPT)
    NotebookClient(notebook, timeout=600).execute()
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        cell["metadata"] = {}
    return notebook


def page(notebook: Any) -> Iterator[str]:
    """Yield the parts of the page, and write its pictures."""
    yield HEAD
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            yield f"{cell.source}\n\n"
            continue
        yield f"```python\n{cell.source}\n```\n\n"
        for output in cell.outputs:
            content = output.get("data", {})
            if "image/png" in content:
                path = PICTURES / f"cell-{number}.png"
                write_bytes(path, base64.b64decode(content["image/png"]))
                yield f"![What the cell above draws]({PICTURES.name}/{path.name})\n\n"
            elif text := output.get("text") or content.get("text/plain"):
                yield f"```text\n{text.rstrip()}\n```\n\n"
    yield FOOT.lstrip()


@app.default
def notebook_page() -> None:
    """Write notebook, page and pictures."""
    import nbformat

    PICTURES.mkdir(exist_ok=True)
    notebook = executed()
    write_bytes(PAGE, "".join(page(notebook)).encode())
    write_bytes(NOTEBOOK, str(nbformat.writes(notebook)).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(run(app, sys.argv[1:]))

"""What the pages tell a reader to run, step by step."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.documentation.built_pages import ROOT

GENERATED = {"docs/tutorials/one-photo.md"}
"""The page that is made of a script, which has a test of its own."""

PAGES = [
    "README.md",
    "docs/index.md",
    *sorted(
        str(path.relative_to(ROOT))
        for kind in ("tutorials", "how-to", "reference")
        for path in (ROOT / "docs" / kind).glob("*.md")
        if str(path.relative_to(ROOT)) not in GENERATED
    ),
]
"""Pages that are run. Results and recipes train for hours, on photos of the challenge: their
commands are only parsed."""

BLOCK = re.compile(r"^ *```(sh|python)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A command, or a block of Python."""

    page: str
    language: str
    text: str

    @property
    def program(self) -> str:
        """The first word."""
        return self.text.split()[0]


def steps_of(page: str) -> Iterator[Step]:
    """The steps of a page in their order, each command without its comment."""
    for language, block in BLOCK.findall((ROOT / page).read_text()):
        if language == "python":
            yield Step(page, language, block)
            continue
        for line in block.replace("\\\n", " ").splitlines():
            text = " ".join(re.split(r"(?:^|\s)#", line)[0].split())
            if text:
                yield Step(page, language, text)


def all_steps() -> list[Step]:
    return [step for page in PAGES for step in steps_of(page)]

"""docs/reference/commands.md, generated from the `--help` of all commands.

python -m pipeline.cli.commands_page > docs/reference/commands.md
"""

import re
import sys

from pipeline.cli.app import app

HEAD = """\
# Commands

<!-- Made by `python -m pipeline.cli.commands_page`; edit the docstrings in pipeline/cli/. -->

`foveamask COMMAND`, or `python -m foveamask COMMAND`. Results go to stdout, progress to stderr.
`foveamask COMMAND --help` says the same as this page.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | the input is at fault: a photo, a file, a model or a run folder. \
`predict` still works on the other photos. \
Also what `verify`, `check`, `--fail-under` and `--fail-unknown` have found |
| 2 | the command line is wrong, or a value in a settings file |
| 130 | interrupted; the same command goes on where it was |

"""


def commands_page() -> str:
    """Return the page in Markdown."""
    text = app.generate_docs(output_format="markdown")
    commands = text[text.index("\n## foveamask ") + 1 :]
    # cyclopts shows how Python was started, as in `foveamask demo -m pipeline.cli.commands_page`.
    commands = re.sub(r"(?m)^(foveamask [\w-]+) -m \S+", r"\1", commands)
    lines = [line.rstrip() for line in commands.splitlines()]
    return HEAD + "\n".join(map(escaped, lines)).rstrip() + "\n"


def escaped(line: str) -> str:
    """Return a line in which a name such as <stem> is no element of HTML, but for code."""
    parts = re.split(r"(`[^`]*`)", line)
    return "".join(
        part if part.startswith("`") else part.replace("<", "&lt;") for part in parts
    ).replace("```console", "```text")


if __name__ == "__main__":
    sys.stdout.write(commands_page())

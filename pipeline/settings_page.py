"""docs/reference/settings.md, generated from the dataclasses of the settings.

python -m pipeline.settings_page > docs/reference/settings.md
"""

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import pairwise
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from data.ranges import Range, field_types
from pipeline.config import Config

HEAD = """\
# Settings

<!-- Made by `python -m pipeline.settings_page`; edit the docstrings in pipeline/config.py. -->

`--config FILE` takes a TOML file with the settings that differ from the run's own or, in a new run,
from the defaults below:

```toml
postprocess = ["components=200"]

[data]
val_share = 0.1

[coarse]
steps = 2000
schedule = "plateau"

[coarse.plateau]
patience = 5
```

Settings of a network or schedule that is not chosen are refused, and so are unknown ones. A
training is `steps` long, or, if a file sets `epochs`, so many passes through the training set.
"""

TAIL = """\
## What may change in a run

`train-coarse` reads all settings, `make-patches` may change `[tiles]` and what follows it,
`train-refiner` `[refiner]` and `postprocess`. A stage's settings are fixed once it has been trained
for an epoch: `[data]` and `[coarse]` by `train-coarse`, `[tiles]` and `[refiner]` by
`train-refiner`. Only `coarse.steps`, `coarse.epochs`, `coarse.num_workers`, `coarse.folds`,
`refiner.steps`, `refiner.epochs` and `postprocess` may change at any time.

A small data set may need another `data.split_seed`, or a `data.val_share` closer to one half, to
have photos in both sets.
"""


def settings_page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *_sections(Config()), TAIL])


def descriptions(cls: type) -> dict[str, str]:
    """Return the docstring under each field of a dataclass, inherited fields included."""
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__[:-1]):
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for field, text in pairwise(statements):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                texts[field.target.id] = _text(text)
    return texts


def _text(statement: ast.stmt) -> str:
    """Return the text of a docstring on one line; empty for any other statement."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return " ".join(str(statement.value.value).split())
    return ""


def _sections(config: Any, at: str = "") -> Iterator[str]:
    """Yield the section of the table `at`, then those of the tables in it."""
    cls = type(config)
    types, texts = field_types(cls), descriptions(cls)
    rows = [f for f in fields(config) if not is_dataclass(types[f.name])]
    if rows:
        title = f"`[{at}]`" if at else "Top level"
        summary = (inspect.getdoc(cls) or "").splitlines()[0]
        lines = [
            f"## {title}\n",
            f"{summary}\n",
            "| setting | default | values | meaning |",
            "|---|---|---|---|",
        ]
        for f in rows:
            cells = f"`{f.name}`", f"`{_toml(getattr(config, f.name))}`", _values(types[f.name])
            lines.append(f"| {' | '.join(cells)} | {texts[f.name]} |")
        yield "\n".join(lines) + "\n"
    for f in fields(config):
        if is_dataclass(types[f.name]):
            yield from _sections(getattr(config, f.name), f"{at}.{f.name}".lstrip("."))


def _values(kind: Any) -> str:
    """Return the values that a setting of the type `kind` may have, in words."""
    arguments = get_args(kind)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{_toml(choice)}`" for choice in arguments)
    if get_origin(kind) is tuple:
        number = "list" if arguments[-1] is Ellipsis else f"list of {len(arguments)}"
        return f"{number}: {_values(arguments[0])}"
    if get_origin(kind) is UnionType:
        return " or ".join(map(_values, arguments))
    if arguments and isinstance(arguments[1], Range):
        return f"{_values(arguments[0])} {arguments[1]}"
    return {int: "whole number", float: "number", str: "text", bool: "true or false"}[kind]


def _toml(value: Any) -> str:
    """Return `value` as a settings file has it."""
    if isinstance(value, str) and "\\" in value:
        return f"'{value}'"
    return json.dumps(value)


if __name__ == "__main__":
    sys.stdout.write(settings_page())

"""Types of command-line arguments, and the options of every command that makes masks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter, validators

from data.errors import InputError, SettingsError
from pipeline import DEFAULT_MODEL, Stage

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.inference.mask_options import MaskOptions
    from pipeline.inference.segmenter import Segmenter
    from refine.postprocess import Step

NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
DURATION = re.compile(rf"(?=.)(?:{NUMBER}h)?(?:{NUMBER}m(?:in)?)?(?:{NUMBER}s)?|{NUMBER}")
"""Hours, minutes and seconds, or minutes alone."""

Device = Literal["auto", "cpu", "cuda"]
Settings = Annotated[Path | None, Parameter(name="--config")]
ObjectEntries = Annotated[
    tuple[str, ...], Parameter(name="--object", negative=(), consume_multiple=True)
]
GroupNames = Annotated[tuple[str, ...], Parameter(negative=(), consume_multiple=True)]
Count = Annotated[int, Parameter(validator=validators.Number(gte=1))]
Seed = Annotated[int, Parameter(validator=validators.Number(gte=0))]
Angles = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=99))]
HeightWidth = Annotated[tuple[Count, Count], Parameter(negative=())]
Tolerance = Annotated[float, Parameter(validator=validators.Number(gte=0, lt=1e6))]
Flag = Annotated[bool, Parameter(negative=())]
Share = Annotated[float | None, Parameter(validator=validators.Number(gte=0, lte=1))]
Budget = Annotated[int | None, Parameter(validator=validators.Number(gte=0))]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MaskArguments:
    """The options of every command that makes masks."""

    model: str = DEFAULT_MODEL
    """Folder of a model, or the name of one that comes with the package."""
    stage: Stage | None = None
    """Last stage to run; by default the last one that the model has."""
    budget: Budget = None
    """Most tiles to refine per photo, the most uncertain first; by default as many as the model
    says, or all uncertain tiles."""
    postprocess: str | None = None
    """Post-processing steps, such as close-open=5,components=200, or none; by default those of the
    model."""
    device: Device = "auto"
    """Device to compute on; auto is a GPU if there is one."""

    def segmenter(self) -> "Segmenter":
        """Return the model on its device."""
        from pipeline.inference.segmenter import Segmenter

        return Segmenter.load(self.model, self.device)

    def options(self) -> "MaskOptions":
        """Return the stage, the budget and the post-processing steps.

        Raises:
            SettingsError: there is no such step.
        """
        from pipeline.inference.mask_options import MaskOptions

        return MaskOptions(stage=self.stage, budget=self.budget, postprocess=self.steps())

    def steps(self) -> "tuple[Step, ...] | None":
        """Return the post-processing steps, or None for those of the model.

        Raises:
            SettingsError: there is no such step.
        """
        from refine.postprocess import parse

        if self.postprocess is None:
            return None
        texts = [] if self.postprocess == "none" else self.postprocess.split(",")
        try:
            return tuple(parse(text.strip()) for text in texts)
        except ValueError as error:
            raise SettingsError(f"--postprocess: {error}") from error


DEFAULTS = MaskArguments()


def check_training_paths(run: Path, config: Path | None, data: Sequence[Path] = ()) -> None:
    """Raise if the paths of a training command cannot be what they are given as.

    The commands call it before they import torch, which takes seconds.

    Raises:
        InputError: `run` is a file, or one of the others does not exist.
    """
    if run.exists() and not run.is_dir():
        raise InputError(f"{run} is a file; name a folder for the run")
    check_data_paths(data, config)


def check_data_paths(data: Sequence[Path], config: Path | None) -> None:
    """Raise if a data folder or the settings file does not exist.

    Raises:
        InputError: it does not.
    """
    if config is not None and not config.is_file():
        raise InputError(f"no such settings file: {config}")
    for folder in data:
        if not folder.is_dir():
            raise InputError(f"no such folder: {folder}")


def read_config(path: Path | None) -> "Config":
    """Return the settings of a file, or the defaults without one.

    Raises:
        InputError: there is no such file.
        SettingsError: it has an error.
    """
    from pipeline.config import Config
    from pipeline.toml_settings import load_settings

    if path is None:
        return Config()
    if not path.is_file():
        raise InputError(f"no such settings file: {path}")
    return load_settings(path)


def parse_duration(text: str | None) -> float | None:
    """Return the seconds of a duration such as 45s, 30m, 2h or 1h30m; a bare number is minutes.

    Raises:
        SettingsError: `text` is something else, or no time at all.
    """
    if text is None:
        return None
    match = DURATION.fullmatch(text.strip().lower())
    parts = [float(part or 0) for part in match.groups()] if match else [0.0]
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1, 60), strict=False))
    if seconds <= 0:
        raise SettingsError(f"--time takes a duration, such as 30m, 2h or 1h30m, not {text!r}")
    return seconds


def parse_tile(text: str | None) -> tuple[int, int] | None:
    """Return row and column of a tile, given as ROW,COL.

    Raises:
        SettingsError: `text` is something else.
    """
    if text is None:
        return None
    row, _, column = text.partition(",")
    try:
        return int(row), int(column)
    except ValueError as error:
        raise SettingsError(f"--tile takes ROW,COL, such as 12,34, not {text!r}") from error


def given_settings(config: Path | None, object_: Sequence[str]) -> dict[str, Any]:
    """Return the settings in the file `config`, with what the option --object says.

    Args:
        config: settings file; None for none.
        object_: values of masks; none of them leaves the setting as the file has it.

    Raises:
        SettingsError: the file has an error.
        InputError: it cannot be read.
    """
    from pipeline.toml_settings import read_table

    given: dict[str, Any] = read_table(config) if config else {}
    data = given.get("data", {})
    if not object_ or not isinstance(data, dict):  # which is refused when settings are checked
        return given
    entries = [int(entry) if entry.isdecimal() else entry for entry in object_]
    return given | {"data": {**data, "object": entries}}

"""What the command `train` is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from data.errors import SettingsError
from pipeline.config import Config
from pipeline.toml_settings import overlaid
from pipeline.training import commands, fitted_settings

LENGTHS = (
    *("coarse.steps", "coarse.epochs", "coarse.folds"),
    *("refiner.steps", "refiner.epochs"),
)
"""Settings that say how long a training is, as a limit of time does."""


@dataclass(frozen=True)
class Request:
    """What the command is asked for."""

    data: Sequence[Path]
    run: Path
    given: dict[str, Any]
    """Settings that the user gave, table by table."""
    device: torch.device
    seconds: float | None = None
    """Limit of time."""
    all_photos: bool = False
    """Whether the finished model is trained on all photos."""


def checked(given: dict[str, Any], *, is_timed: bool) -> dict[str, Any]:
    """Return the settings that the user gave, table by table.

    Raises:
        SettingsError: they have an error, or do not go with a limit of time.
    """
    config = overlaid(Config(), given)
    commands.check_folds(config)
    if not config.data.val_share:
        raise SettingsError("data.val_share = 0 holds nothing out; use --all-photos instead")
    if is_timed:
        unfit = [name for name in LENGTHS if fitted_settings.is_given(name, given)]
        if unfit:
            raise SettingsError(f"--time does not go with {', '.join(unfit)}; take one of them out")
    return given

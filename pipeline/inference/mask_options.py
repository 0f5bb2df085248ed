"""The three options that decide how masks are made, in every command and call."""

from dataclasses import dataclass
from typing import get_args

from pipeline import Stage
from refine.postprocess import Step


@dataclass(frozen=True, kw_only=True)
class MaskOptions:
    """How masks are made; the defaults are those of the model.

    Raises:
        ValueError: a value is not one of those described.
    """

    stage: Stage | None = None
    """Last stage to run; None for the last one that the model has."""
    budget: int | None = None
    """Most tiles to refine per photo, the most uncertain first; None for as many as the model says,
    which may be all uncertain tiles."""
    postprocess: tuple[Step, ...] | None = None
    """Post-processing steps after the threshold; None for those of the model."""

    def __post_init__(self) -> None:
        if self.stage not in (None, *get_args(Stage)):
            raise ValueError(f"a stage is one of {get_args(Stage)}, not {self.stage!r}")
        if self.budget is not None and (type(self.budget) is not int or self.budget < 0):
            raise ValueError(f"a budget is a number of tiles, at least 0, not {self.budget!r}")
        if not all(isinstance(step, Step) for step in self.postprocess or ()):
            raise ValueError(f"postprocess holds steps (see `parse`), not {self.postprocess!r}")


DEFAULT_OPTIONS = MaskOptions()

"""The three options that decide how masks are made, in every command and call."""

from dataclasses import dataclass
from typing import Literal

from refine.postprocess import Step

Stage = Literal["coarse", "refined"]


@dataclass(frozen=True, kw_only=True)
class MaskOptions:
    """How masks are made; the defaults are those of the model.

    Raises:
        ValueError: the budget is negative.
    """

    stage: Stage | None = None
    """Last stage to run; None for the last one that the model has."""
    budget: int | None = None
    """Most tiles to refine per photo, the most uncertain first; None for all uncertain tiles."""
    postprocess: tuple[Step, ...] | None = None
    """Post-processing steps after the threshold; None for those of the model."""

    def __post_init__(self) -> None:
        if self.budget is not None and self.budget < 0:
            raise ValueError(f"a budget is at least 0 tiles, not {self.budget}")


DEFAULT_OPTIONS = MaskOptions()

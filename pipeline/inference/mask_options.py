"""How masks are made: the three options that every command and call shares."""

from dataclasses import dataclass
from typing import Literal

from refine.postprocess import Step

Stage = Literal["coarse", "refined"]


@dataclass(frozen=True, kw_only=True)
class MaskOptions:
    """How masks are made; by default each as the model says.

    Raises:
        ValueError: the budget is negative.
    """

    stage: Stage | None = None
    """How far to go; None for as far as the model does."""
    budget: int | None = None
    """Most tiles of a photo to refine, the most uncertain first; None for all."""
    postprocess: tuple[Step, ...] | None = None
    """Steps that masks go through after the threshold; None for those of the model."""

    def __post_init__(self) -> None:
        if self.budget is not None and self.budget < 0:
            raise ValueError(f"a budget is at least 0 tiles, not {self.budget}")


DEFAULT_OPTIONS = MaskOptions()

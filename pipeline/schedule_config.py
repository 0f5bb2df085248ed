"""Settings of single schedules of the learning rate, each the table of options of one."""

from dataclasses import dataclass
from typing import Annotated

from data.ranges import Checked, Range, Share


@dataclass(frozen=True, kw_only=True)
class CosineConfig(Checked):
    """Schedule "cosine": a linear warm-up to the peak, half a cosine from there to zero."""

    warmup: Share = 0.05
    """Share of all steps that the warm-up takes."""


@dataclass(frozen=True, kw_only=True)
class PlateauConfig(Checked):
    """Schedule "plateau": the peak, reduced whenever validation Dice has stopped rising."""

    factor: Annotated[float, Range(0.001, 0.999)] = 0.2
    """What the learning rate is multiplied by on a plateau."""
    patience: Annotated[int, Range(0, 10**6)] = 3
    """Validations in a row without a rise of 0.0001 before the learning rate is reduced."""

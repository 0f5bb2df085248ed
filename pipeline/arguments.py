"""Arguments that several commands share: their types, and how masks are made."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators

from data.errors import SettingsError
from pipeline import DEFAULT_MODEL

if TYPE_CHECKING:
    from pipeline.inference.mask_options import MaskOptions
    from pipeline.inference.segmenter import Segmenter
    from refine.postprocess import Step

Device = Literal["auto", "cpu", "cuda"]
Stage = Literal["coarse", "refined"]
Settings = Annotated[Path | None, Parameter(name="--config")]
Count = Annotated[int, Parameter(validator=validators.Number(gte=1))]
Seed = Annotated[int, Parameter(validator=validators.Number(gte=0))]
Angles = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=99))]
HeightWidth = Annotated[tuple[Count, Count], Parameter(negative=())]
Budget = Annotated[int | None, Parameter(validator=validators.Number(gte=0))]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MaskArguments:
    """How masks are made: the same for each command that makes some."""

    model: str = DEFAULT_MODEL
    """Folder of a model, or the name of one that comes with the package."""
    stage: Stage | None = None
    """How far to go; by default as far as the model does."""
    budget: Budget = None
    """Most tiles of a photo to refine, the most uncertain first; all by default."""
    postprocess: str | None = None
    """Steps that masks go through in the end, such as close-open=5,components=200, or none; by
    default what the model says."""
    device: Device = "auto"
    """Where to compute."""

    def segmenter(self) -> "Segmenter":
        """Return the model on its device."""
        from pipeline.inference.segmenter import Segmenter

        return Segmenter.load(self.model, self.device)

    def options(self) -> "MaskOptions":
        """Return how masks are made.

        Raises:
            SettingsError: there is no such step.
        """
        from pipeline.inference.mask_options import MaskOptions

        return MaskOptions(stage=self.stage, budget=self.budget, postprocess=self.steps())

    def steps(self) -> "tuple[Step, ...] | None":
        """Return the steps asked for, or None for those of the model.

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

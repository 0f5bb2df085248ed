"""The options of `refine` that say how given masks are refined."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from pipeline import MASK_MODEL
from pipeline.cli.arguments import MaskArguments

if TYPE_CHECKING:
    from data.photo_files import PhotoFile
    from pipeline.inference.given_masks import GivenMasks


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RefiningArguments:
    """The options of how given masks are refined."""

    band: Annotated[float | None, Parameter(validator=validators.Number(gt=0, lte=1000))] = None
    """Pixels on either side of the contour that may change; by default a width that is found from
    the mask."""
    guard: bool = True
    """Keep what is given where refining it is no clear gain; --no-guard takes every refinement."""
    stretch: Annotated[bool, Parameter(negative=())] = False
    """Stretch masks of any aspect to their photos; by default only square ones are."""


DEFAULT_REFINING_ARGUMENTS = RefiningArguments()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RefinerArguments(MaskArguments):
    """The options of every command that makes masks, with the model that is for given ones."""

    model: str = MASK_MODEL
    """Folder of a model, or the name of one that comes with the package."""


DEFAULT_REFINER = RefinerArguments()


@dataclass(frozen=True)
class GivenMaskArguments:
    """Masks that are given, and how they are refined."""

    place: Path
    """Folder of masks, or one mask."""
    refining: RefiningArguments = field(default=DEFAULT_REFINING_ARGUMENTS)

    def masks(self, photos: "Sequence[PhotoFile]") -> "tuple[list[PhotoFile], GivenMasks]":
        """Return the photos among `photos`, and their masks.

        Raises:
            InputError: there are no masks.
        """
        from pipeline.inference.given_masks import given_masks
        from pipeline.inference.mask_refining import RefiningOptions

        options = RefiningOptions(
            band=self.refining.band, guard=self.refining.guard, stretch=self.refining.stretch
        )
        return given_masks(photos, self.place, options)

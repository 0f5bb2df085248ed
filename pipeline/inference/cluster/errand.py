"""What travels to the workers of a cluster: paths and names, no pixels and no weights."""

from dataclasses import dataclass

from data.photo_files import PhotoFile
from data.polygons.options import PolygonOptions
from pipeline.inference.cluster.call_mark import CallMark
from pipeline.inference.cutouts.cutout_options import CutoutOptions
from pipeline.inference.job import Observe
from pipeline.inference.made_with import MadeWith
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.part import MOST_PARTS, Part
from pipeline.inference.records import Record

Known = tuple[PhotoFile, Record]
"""A photo, and what an earlier call made of it."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How results are made."""

    model: str
    """Absolute path of a model's folder, or the name of one in the package."""
    device: str
    """Device to compute on, as `choose_device` takes it."""
    options: MaskOptions
    names: tuple[str, ...]
    """What is written, see `chosen_outputs`."""
    cutouts: CutoutOptions
    """How alpha and cutouts are made, but for their background."""
    background: str | None = None
    """What cutouts are laid on: a colour, or the absolute path of a picture."""
    polygons: PolygonOptions | None = None
    """How polygons are drawn; None if none are."""
    observe: Observe | None = None
    """Sees the predictions, on the worker: a function that can be pickled."""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What all shares of a call have in common."""

    mark: CallMark
    """Of the call, in the folder of the results."""
    recipe: Recipe
    dice: bool
    """Whether the expected Dice is recorded."""
    making: MadeWith
    """What results depend on. A worker that would make others refuses."""
    versions: tuple[tuple[str, str], ...]
    """Versions of the libraries that results may depend on, likewise."""


@dataclass(frozen=True)
class Share:
    """Photos that are predicted as one task."""

    errand: Errand
    number: int
    """No other share of the call has it; from 1 to `MOST_PARTS`."""
    photos: tuple[PhotoFile, ...]
    """With absolute paths."""

    @property
    def part(self) -> Part:
        """The part by whose name its files are known, as those of `--part` are."""
        return Part(self.number, MOST_PARTS)


@dataclass(frozen=True)
class KnownShare:
    """Photos with their records, of which a worker finds out whether they still hold."""

    errand: Errand
    known: tuple[Known, ...]

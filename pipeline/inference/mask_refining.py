"""Masks of other tools or hands, refined: the second stage without the first.

The given mask takes the place of the coarse network. From there on a photo takes the one path of
`pipeline.inference.segmenter`. Outside the uncertain tiles, and where `refine.guard` sees no gain,
the result is the given mask, bit for bit.

Shapes: B photos of one size, H x W that size, Hw x Ww their working size, Hp x Wp that padded,
h x w a mask, which may have another size, T the side of a tile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import cv2
import numpy as np
import torch
from torch import Tensor

from data.arrays import Mask, Photo, Pixels
from data.errors import InputError
from data.geometry import Size, working_size
from data.tile_grid import tile_mask
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions
from pipeline.inference.prediction import Prediction, Proposal, at_photo_size, check_photos
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from refine.guard import decide
from refine.postprocess import Step
from refine.uncertain_band import BAND, Floats, coarse_logits, fitted, mask_logits, steepness


@dataclass(frozen=True, kw_only=True)
class RefiningOptions:
    """How far from its contour a given mask may be changed, and when it is.

    Raises:
        ValueError: `band` is no distance.
    """

    band: float | None = None
    """Pixels of the photo on either side of the contour that count as uncertain; None for a width
    that is found from the mask."""
    guard: bool = True
    """Keep the given mask where the refined one is not clearly better."""
    stretch: bool = False
    """Stretch masks of any aspect to their photos; otherwise only square ones are."""

    def __post_init__(self) -> None:
        if self.band is not None and not (isfinite(self.band) and self.band > 0):
            raise ValueError(f"a band is a number of pixels above 0, not {self.band}")

    def __str__(self) -> str:
        width = "found" if self.band is None else f"{self.band:g}"
        return f"band {width}, {'guarded' if self.guard else 'not guarded'}"


DEFAULT_REFINING = RefiningOptions()


@dataclass(frozen=True)
class MaskedPhoto:
    """A photo with a mask of it that is to be refined."""

    photo: Photo
    mask: Pixels
    """(h, w) uint8, 255 for certain object; it is stretched to the photo."""

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the photo."""
        return self.photo.shape


@dataclass(frozen=True)
class RefinedMask(Prediction):
    """The prediction for a photo whose mask was given."""

    kept: float = 0.0
    """Share of the pixels that the refiner would change, but that the guard has kept as given."""


@dataclass(frozen=True)
class Given:
    """Logits of a given mask, at working size and at that of the photo."""

    at_work: Floats
    """(Hw, Ww)"""
    whole: Floats
    """(H, W)"""


@dataclass(frozen=True)
class Refinement:
    """Photos of one size whose masks have been through the second stage."""

    photos: Sequence[MaskedPhoto]
    given: Sequence[Given]
    proposal: Proposal
    logits: Tensor
    """(B, Hp, Wp), refined in the tiles of the proposal."""
    tile: int
    steps: tuple[Step, ...]

    @torch.inference_mode()
    def results(self, *, guard: bool) -> list[RefinedMask]:
        """Return the masks, with the given ones wherever refining was no gain if `guard` is set."""
        found = []
        for i, own in enumerate(self.proposal.photos()):
            logits, kept = merge(self.logits[i : i + 1], own, self.given[i], self.tile, guard=guard)
            photo = self.photos[i].photo
            found.append(RefinedMask(photo, own, logits, self.tile, self.steps, kept=kept))
        return found


def refine_mask(
    segmenter: Segmenter,
    photo: Photo,
    mask: Mask | Pixels,
    options: MaskOptions = DEFAULT_OPTIONS,
    refining: RefiningOptions = DEFAULT_REFINING,
) -> RefinedMask:
    """Return the refined mask of a photo.

    Args:
        segmenter: model and runtime, of which only the second stage is run.
        photo: (H, W, 3) uint8 RGB.
        mask: (h, w) bool, or uint8 from 0 to 255 for certain object, of any size. A square one is
            stretched to the photo.
        options: how masks are made; with the stage `coarse` the result is the given mask.
        refining: where the given mask may be changed.

    Raises:
        ValueError: photo or mask have other shapes or types.
        InputError: the mask has another aspect than the photo, or the model has no refiner.
    """
    grey = np.asarray(mask * np.uint8(255) if mask.dtype == np.bool_ else mask)
    if grey.ndim != 2 or grey.dtype != np.uint8 or not grey.size:
        raise ValueError(f"a mask is (h, w) of bool or uint8, not {mask.shape} {mask.dtype}")
    check_photos([photo])
    if not refining.stretch:
        check_aspect(Size(*photo.shape[:2]), Size(*grey.shape))
    (result,) = refine_batch(segmenter, [MaskedPhoto(photo, grey)], options, refining)
    return result


@torch.inference_mode()
def refine_batch(
    segmenter: Segmenter,
    photos: Sequence[MaskedPhoto],
    options: MaskOptions = DEFAULT_OPTIONS,
    refining: RefiningOptions = DEFAULT_REFINING,
) -> list[RefinedMask]:
    """Return the refined masks of photos of one size, which are computed together.

    Raises:
        ValueError: photos are not (H, W, 3) uint8 of one size.
        InputError: the refined stage is requested, but the model has no refiner.
    """
    return refinement(segmenter, photos, options, refining).results(guard=refining.guard)


@torch.inference_mode()
def refinement(
    segmenter: Segmenter,
    photos: Sequence[MaskedPhoto],
    options: MaskOptions = DEFAULT_OPTIONS,
    refining: RefiningOptions = DEFAULT_REFINING,
) -> Refinement:
    """Run the second stage on photos of one size with their masks; see `refine_batch`."""
    pixels = [photo.photo for photo in photos]
    check_photos(pixels)
    model, max_tiles = segmenter.model, segmenter.max_tiles(options)
    given = [given_logits(photo, model, refining) for photo in photos]
    network = model.coarse
    coarse = [coarse_logits(one.at_work, network.stride, network.alignment) for one in given]
    proposal = segmenter.propose(pixels, max_tiles, coarse=torch.from_numpy(np.stack(coarse)))
    logits = proposal.upsampled
    if len(proposal.tiles):
        logits = segmenter.stitch(proposal, segmenter.refine(proposal))
    steps = model.postprocess if options.postprocess is None else options.postprocess
    return Refinement(photos, given, proposal, logits, model.fovea.tile, steps)


def given_logits(photo: MaskedPhoto, model: Model, refining: RefiningOptions) -> Given:
    """Return the logits of a photo's mask, uncertain in a band along its contour."""
    size = Size(*photo.shape[:2])
    at_work = working_size(size, model.long_side)
    scale = max(at_work) / max(size)
    band = BAND if refining.band is None else refining.band * scale
    slope = steepness(band, model.low, model.high)
    whole = mask_logits(fitted(photo.mask, size), slope * scale)
    if at_work == size:
        return Given(whole, whole)
    return Given(mask_logits(fitted(photo.mask, at_work), slope), whole)


def merge(
    refined: Tensor, proposal: Proposal, given: Given, tile: int, *, guard: bool
) -> tuple[Tensor, float]:
    """Return the logits of a photo's mask, and the share of the changes that were turned down.

    Args:
        refined: (1, Hp, Wp) logits.
        proposal: of this photo alone.
        given: logits of the given mask.
        tile: T.
        guard: whether the guard decides.

    Returns:
        (H, W) logits on the device, refined where that is accepted, elsewhere those given.
    """
    height, width = proposal.working
    tiles = proposal.tiles[:, 1:].cpu().numpy()
    accepted, kept = tile_mask(tiles, proposal.padded, tile)[:height, :width], 0.0
    if guard:
        own = refined[0, :height, :width].cpu().numpy()
        decision = decide(given.at_work > 0, own, accepted)
        accepted, kept = decision.accepted, decision.kept
    if proposal.size != proposal.working:
        whole = cv2.resize(
            accepted.view(np.uint8), proposal.size[::-1], interpolation=cv2.INTER_NEAREST_EXACT
        )
        accepted = np.asarray(whole > 0)
    chosen, others = (
        torch.from_numpy(array).to(refined.device) for array in (accepted, given.whole)
    )
    return torch.where(chosen, at_photo_size(refined, proposal)[0], others), kept


def check_aspect(
    photo: Size, mask: Size, photo_name: str = "its photo", mask_name: str = "the mask"
) -> None:
    """Raise if a mask cannot be one of the whole photo, smaller, larger or squashed to a square.

    Sides may be rounded by a pixel.

    Raises:
        InputError: it is of another aspect.
    """
    (height, width), (own_height, own_width) = photo, mask
    fits = (own_height - 1) * width <= (own_width + 1) * height
    fits &= (own_width - 1) * height <= (own_height + 1) * width
    if own_height == own_width or fits:
        return
    raise InputError(
        f"{mask_name} is {own_height} x {own_width}, which is another aspect than that of "
        f"{photo_name}, {height} x {width}; if it shows the whole photo, use --stretch"
    )

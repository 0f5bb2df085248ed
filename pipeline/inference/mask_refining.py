"""Masks of other tools or hands, refined: the second stage without the first.

The given mask takes the place of the coarse network. From there on a photo takes the one path of
`pipeline.inference.segmenter`. Outside the uncertain tiles, and where `refine.guard` sees no gain,
the result is the given mask, bit for bit.

Shapes: B photos of one size, H x W that size, Hw x Ww their working size, Hp x Wp that padded,
h x w a mask, which may have another size, T the side of a tile.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

import cv2
import numpy as np
import torch
from torch import Tensor

from data.arrays import Mask, Photo, Pixels
from data.errors import InputError
from data.geometry import Size
from data.tile_grid import tile_mask
from pipeline.inference.given_logits import Given, given_logits
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions
from pipeline.inference.prediction import Prediction, Proposal, at_photo_size, check_photos
from pipeline.inference.segmenter import Segmenter
from refine.guard import Change, Guard, change, decide, reaches_rim
from refine.postprocess import Step
from refine.uncertain_band import Floats, coarse_logits, mask_logits


@dataclass(frozen=True, kw_only=True)
class RefiningOptions:
    """How far from its contour a given mask may be changed, and when it is.

    Raises:
        ValueError: `band` is no distance.
    """

    band: float | None = None
    """Pixels of the photo on either side of the contour that may change; None for as many as the
    contour moves, see `max_passes`."""
    guard: bool = True
    """Keep the given mask where the refined one is not clearly better."""
    stretch: bool = False
    """Stretch masks of any aspect to their photos; otherwise only square ones are."""
    max_passes: int = 4
    """Most times that a mask is refined if `band` is None, each time from where the contour was
    left. It is refined once unless the contour moves as far as the refiner reaches."""

    def __post_init__(self) -> None:
        if self.band is not None and not (isfinite(self.band) and self.band > 0):
            raise ValueError(f"a band is a number of pixels above 0, not {self.band}")
        if self.max_passes < 1:
            raise ValueError(f"a mask is refined once at least, not {self.max_passes} times")

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
class Refinement:
    """A photo whose mask has been through the second stage."""

    photo: MaskedPhoto
    given: Given
    proposal: Proposal
    """Of the first pass."""
    logits: Tensor
    """(1, Hp, Wp), refined in the band."""
    band: Mask
    """(Hp, Wp): the pixels of all tiles that were refined."""
    tile: int
    """Side of a tile in pixels at working size."""
    steps: tuple[Step, ...]
    guard: Guard
    """Of the model."""
    num_passes: int = 1

    @property
    def is_cut_off(self) -> bool:
        """Whether the contour has moved as far as the band reaches, and perhaps not far enough."""
        given, refined, band = self._masks()
        return reaches_rim(given != (refined > 0), band)

    @property
    def change(self) -> Change:
        """What the refiner makes of the mask."""
        return change(*self._masks())

    def _masks(self) -> tuple[Mask, Floats, Mask]:
        """Return the given mask, the refined logits and the band, each (Hw, Ww)."""
        height, width = self.proposal.working
        own = self.logits[0, :height, :width].cpu().numpy()
        return self.given.at_work > 0, own, self.band[:height, :width]

    @torch.inference_mode()
    def result(self, *, guard: bool) -> RefinedMask:
        """Return the mask; with `guard`, the given one wherever refining it was no clear gain."""
        given, refined, accepted = self._masks()
        kept = 0.0
        if guard:
            decision = decide(given, refined, accepted, self.guard)
            accepted, kept = decision.accepted, decision.kept
        size = self.proposal.size
        if size != self.proposal.working:
            how = cv2.INTER_NEAREST_EXACT
            whole = cv2.resize(accepted.view(np.uint8), size[::-1], interpolation=how)
            accepted = np.asarray(whole > 0)
        chosen, others = (
            torch.from_numpy(np.ascontiguousarray(array)).to(self.logits.device)
            for array in (accepted, self.given.whole)
        )
        logits = torch.where(chosen, at_photo_size(self.logits, self.proposal)[0], others)
        photo = self.photo.photo
        return RefinedMask(photo, self.proposal, logits, self.tile, self.steps, kept=kept)


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
    check_photos([photo.photo for photo in photos])
    return [
        refinement(segmenter, photo, options, refining).result(guard=refining.guard)
        for photo in photos
    ]


@torch.inference_mode()
def refinement(
    segmenter: Segmenter,
    photo: MaskedPhoto,
    options: MaskOptions = DEFAULT_OPTIONS,
    refining: RefiningOptions = DEFAULT_REFINING,
) -> Refinement:
    """Run the second stage on a photo with its mask, until the contour is not cut off any more.

    Raises:
        InputError: the refined stage is requested, but the model has no refiner.
    """
    size = Size(*photo.shape[:2])
    given = given_logits(photo.mask, size, segmenter.model, refining.band)
    result = one_pass(segmenter, photo, given, given.at_work, options)
    if refining.band is not None:
        height, width = given.at_work.shape
        allowed = np.zeros_like(result.band)
        allowed[:height, :width] = np.abs(given.at_work) < given.steepness * given.band
        return replace(result, band=result.band & allowed)
    while result.num_passes < refining.max_passes and result.is_cut_off:
        height, width = result.proposal.working
        mask = result.logits[0, :height, :width].cpu().numpy() > 0
        again = mask_logits(mask * np.uint8(255), given.steepness)
        after = one_pass(segmenter, photo, given, again, options)
        moved = torch.from_numpy(after.band).to(result.logits.device)
        result = replace(
            result,
            logits=torch.where(moved, after.logits, result.logits),
            band=result.band | after.band,
            num_passes=result.num_passes + 1,
        )
    return result


def one_pass(
    segmenter: Segmenter, photo: MaskedPhoto, given: Given, start: Floats, options: MaskOptions
) -> Refinement:
    """Run the second stage once, on logits (Hw, Ww) to begin with."""
    model, network = segmenter.model, segmenter.model.coarse
    coarse = torch.from_numpy(coarse_logits(start, network.stride, network.alignment))[None]
    proposal = segmenter.propose([photo.photo], segmenter.max_tiles(options), coarse=coarse)
    logits = proposal.upsampled
    if len(proposal.tiles):
        logits = segmenter.stitch(proposal, segmenter.refine(proposal))
    tile = model.fovea.tile
    band = tile_mask(proposal.tiles[:, 1:].cpu().numpy(), proposal.padded, tile)
    steps = model.postprocess if options.postprocess is None else options.postprocess
    return Refinement(photo, given, proposal, logits, band, tile, steps, model.guard)


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

"""A photo's mask before any stroke: as the network makes it, or as something else has made it.

Shapes: H x W a photo, Hp x Wp its padded working size, h x w a mask, T the side of a tile.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from data.arrays import Photo, Pixels
from data.pyramid import to_working_size
from data.tile_grid import to_blocks
from pipeline.inference.given_logits import given_logits
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.prediction import Prediction, Proposal
from pipeline.inference.segmenter import Segmenter
from pipeline.reviewing.places import Sums, sums_of, within_photo
from pipeline.reviewing.strokes import Canvas
from refine.uncertain_band import coarse_logits


@dataclass(frozen=True)
class FirstMask:
    """A mask before any stroke, and what is needed to refine parts of it again."""

    photo: Photo
    levels: list[Tensor]
    """The photo's pyramid, see `Segmenter.pyramid`."""
    proposal: Proposal
    """Coarse logits of the network, or of a mask that it did not make; without windows."""
    stitched: Tensor
    """(1, Hp, Wp) logits of the mask."""
    whole: Tensor
    """(H, W) logits of the mask."""
    belief: Tensor
    """(1, Hp, Wp) logits of the network, which say where the mask may be wrong."""
    believed: Tensor
    """(H, W) logits of the network."""
    tile: int
    """T, at working size."""
    is_known: bool | None
    """Whether the photo is like those of training; None if the model cannot tell."""
    is_networks: bool
    """Whether the network has made the mask."""

    @property
    def canvas(self) -> Canvas:
        """The sizes of the photo."""
        own = self.proposal
        return Canvas(own.size, own.working, own.padded, own.stride)

    @cached_property
    def within(self) -> Tensor:
        """(Hp / T, Wp / T, T, T): 1, or 0 for the padding."""
        working, padded = self.proposal.working, self.proposal.padded
        return within_photo(working, padded, self.tile).to(self.stitched.device)

    @cached_property
    def sums(self) -> Sums:
        """(Hp / T, Wp / T, 3) sums of its tiles, see `places.Sums`."""
        return grid_sums(self, self.stitched, self.belief)


def grid_sums(first: FirstMask, logits: Tensor, belief: Tensor) -> Sums:
    """Return the (Hp / T, Wp / T, 3) sums of (1, Hp, Wp) logits of a mask."""
    own, probable = (to_blocks(each[0], first.tile) for each in (logits, belief))
    rows, columns, side, _ = own.shape
    flat = (each.reshape(-1, side, side) for each in (own, probable, first.within))
    return sums_of(*flat).reshape(rows, columns, 3)


@torch.inference_mode()
def first_mask(
    segmenter: Segmenter, photo: Photo, mask: Pixels | None, options: MaskOptions
) -> FirstMask:
    """Return a mask as what the network makes of the photo, if it does; else as it is given.

    Args:
        segmenter: model and runtime.
        photo: (H, W, 3) uint8 RGB.
        mask: (h, w) uint8, 255 for certain object; of another size, it is stretched. None for
            that of the network.
        options: how the network makes masks.
    """
    proposal = segmenter.propose([photo], segmenter.max_tiles(options))
    refined = segmenter.refine(proposal)
    belief = segmenter.stitch(proposal, refined)
    (prediction,) = segmenter.finish([photo], proposal, refined, options, stitched=belief)
    network = FirstMask(
        photo,
        segmenter.pyramid([to_working_size(photo, segmenter.model.long_side)]),
        replace(proposal, windows=[]),
        stitched=belief,
        whole=prediction.on_device,
        belief=belief,
        believed=prediction.on_device,
        tile=prediction.tile,
        is_known=prediction.is_known,
        is_networks=True,
    )
    if mask is None or is_made_by(prediction, mask):
        return network
    return _given(segmenter, network, mask)


def is_made_by(prediction: Prediction, mask: Pixels) -> bool:
    """Whether a mask (h, w), 255 for certain object, is that of a prediction, in every pixel."""
    return np.array_equal(mask, prediction.mask * np.uint8(255))


def _given(segmenter: Segmenter, network: FirstMask, mask: Pixels) -> FirstMask:
    """Return a mask that something else has made, in place of the network's."""
    coarse = segmenter.model.coarse
    given = given_logits(mask, network.proposal.size, segmenter.model, band=None)
    logits = coarse_logits(given.at_work, coarse.stride, coarse.alignment)
    own, device = network.proposal, network.belief.device
    small = torch.from_numpy(logits)[None].to(device)
    proposal = replace(
        own, coarse=small, upsampled=segmenter.upsample(small), tiles=own.tiles[:0], windows=[]
    )
    bottom = own.padded.height - own.working.height
    right = own.padded.width - own.working.width
    padded = np.pad(given.at_work, ((0, bottom), (0, right)), mode="edge")
    return replace(
        network,
        proposal=proposal,
        stitched=torch.from_numpy(padded)[None].to(device),
        whole=torch.from_numpy(given.whole).to(device),
        is_networks=False,
    )

"""A mask with a person's strokes: only the tiles that strokes touch go through the refiner again.

The strokes are laid over the coarse logits. Tiles in which that changes something are refined, and
so are those tiles of the first prediction whose windows show a change. All other logits stay, bit
for bit. The result depends on the first mask and the list of strokes alone: without its last
stroke, it is what it was before.

Shapes: H x W a photo, Hp x Wp its padded working size, T the side of a tile, N tiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.arrays import Mask, Pixels
from data.geometry import Size
from data.tile_grid import to_blocks
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.prediction import at_photo_size
from pipeline.inference.segmenter import Segmenter
from pipeline.reviewing.contour_offset import shifted
from pipeline.reviewing.first_mask import FirstMask
from pipeline.reviewing.places import Sums, block_rows, expected_dice, sums_of
from pipeline.reviewing.strokes import FADE, FORCED, Stroke
from refine.postprocess import apply
from refine.stitch import stitch


@dataclass(frozen=True)
class Correction:
    """A mask with strokes and a moved contour."""

    first: FirstMask
    strokes: tuple[Stroke, ...]
    offset: float
    """Pixels of the photo by which the contour is moved outwards."""
    tiles: NDArray[np.int64]
    """(N, 2) row and column of the tiles that were refined again."""
    refined: Tensor
    """(N, T, T) logits of these tiles, with the strokes, before the contour is moved."""

    @cached_property
    def stitched(self) -> Tensor:
        """(1, Hp, Wp) logits of the mask at working size."""
        whole = _with_tiles(self.first.stitched, self.tiles, self.refined)
        if not self.offset:
            return whole
        canvas = self.first.canvas
        offset = self.offset * max(canvas.working) / max(canvas.photo)
        return forced(shifted(whole[0], offset)[None], canvas.labels(self.strokes))

    @cached_property
    def sums(self) -> Sums:
        """(Hp / T, Wp / T, 3) sums of its tiles, see `places.Sums`."""
        if self.offset:
            # Where else the contour should be is a person's matter, and not the network's.
            return Correction(self.first, self.strokes, 0.0, self.tiles, self.refined).sums
        sums = self.first.sums.copy()
        if len(self.tiles):
            within = block_rows(self.first.within, self.tiles)
            sums[tuple(self.tiles.T)] = sums_of(self.refined, self.refined, within)
        return sums

    @property
    def expected_dice(self) -> float:
        """Expected Dice of the mask, from 0 to 1, given the strokes."""
        return expected_dice(self.sums)

    def logits(self) -> Tensor:
        """Return (H, W) logits at the photo's own size; above zero is object."""
        proposal, whole = self.first.proposal, self.first.whole
        height, width = proposal.working
        if len(self.tiles):
            own = Correction(self.first, self.strokes, 0.0, self.tiles, self.refined)
            grid = np.zeros([side // self.first.tile for side in proposal.padded], np.uint8)
            grid[tuple(self.tiles.T)] = 1
            near = grid.repeat(self.first.tile, 0).repeat(self.first.tile, 1)[:height, :width]
            inside = torch.from_numpy(_fitted(near, proposal.size) > 0).to(whole.device)
            whole = torch.where(inside, at_photo_size(own.stitched, proposal)[0], whole)
        if not self.offset:
            return whole
        labels = self.first.canvas.labels(self.strokes)[:height, :width]
        at_photo = _fitted((labels + 1).astype(np.uint8), proposal.size).astype(np.int8) - 1
        return forced(shifted(whole, self.offset), at_photo.astype(np.int8))

    def mask(self, segmenter: Segmenter, options: MaskOptions) -> Mask:
        """Return the finished mask (H, W): thresholded once, then post-processed.

        A mask from elsewhere without a stroke is left as it is.
        """
        mask = np.asarray((self.logits() > 0).cpu().numpy())
        if not self.first.is_networks and not self.strokes and not self.offset:
            return mask
        steps = segmenter.model.postprocess if options.postprocess is None else options.postprocess
        return apply(steps, mask, self.first.photo)


@torch.inference_mode()
def corrected(
    segmenter: Segmenter,
    first: FirstMask,
    strokes: Sequence[Stroke] = (),
    offset: float = 0.0,
    *,
    fade: float = FADE,
) -> Correction:
    """Return a mask with strokes and a moved contour.

    Args:
        segmenter: model and runtime that `first` was made by.
        first: the mask before any stroke.
        strokes: in the order in which they were drawn.
        offset: pixels of the photo by which the contour is moved outwards; below 0 inwards.
        fade: pixels at working size over which strokes fade out.
    """
    side = first.tile
    if not strokes:
        none = np.zeros((0, 2), np.int64)
        return Correction(first, (), offset, none, first.stitched.new_zeros(0, side, side))
    canvas = first.canvas
    labels = canvas.labels(strokes)
    upsampled = segmenter.upsample(canvas.painted(first.proposal.coarse, strokes, fade))
    under = np.asarray(to_blocks(labels, side).any((2, 3)), np.bool_)
    tiles = touched_tiles(segmenter, first, upsampled, under)
    indexed = torch.from_numpy(np.pad(tiles, ((0, 0), (1, 0)))).to(upsampled.device)
    logits = _refined(segmenter, first, upsampled, indexed)
    blocks = block_rows(to_blocks(logits[0], side), tiles)
    finished = forced(blocks, to_blocks(labels, side)[tuple(tiles.T)])
    return Correction(first, tuple(strokes), offset, tiles, finished)


def touched_tiles(
    segmenter: Segmenter, first: FirstMask, upsampled: Tensor, under: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return (N, 2) tiles to refine again.

    Args:
        segmenter: model and runtime.
        first: the mask before any stroke.
        upsampled: (1, Hp, Wp) logits of the coarse mask with strokes.
        under: (Hp / T, Wp / T) whether a tile lies under a stroke.
    """
    differs = to_blocks((upsampled != first.proposal.upsampled)[0], first.tile)
    changed = under | differs.flatten(-2).any(-1).cpu().numpy()
    was_refined = np.zeros_like(changed)
    was_refined[tuple(first.proposal.tiles[:, 1:].cpu().numpy().T)] = True
    reach = 2 * (segmenter.model.fovea.margin // first.tile) + 1
    shown = cv2.dilate(changed.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    return np.argwhere(changed | (was_refined & shown))


def _refined(segmenter: Segmenter, first: FirstMask, upsampled: Tensor, tiles: Tensor) -> Tensor:
    """Return (1, Hp, Wp) upsampled logits, refined in (N, 3) tiles if the model can do that."""
    refiner = segmenter.model.refiner
    if refiner is None or not len(tiles):
        return upsampled
    windows = segmenter.windows(first.levels, upsampled, tiles)
    return stitch(upsampled, tiles, segmenter.networks.refiner(windows), residual=refiner.residual)


def _with_tiles(logits: Tensor, tiles: NDArray[np.int64], blocks: Tensor) -> Tensor:
    """Return (1, Hp, Wp) logits with (N, T, T) blocks in the places of (N, 2) tiles."""
    if not len(tiles):
        return logits
    indexed = torch.from_numpy(np.pad(tiles, ((0, 0), (1, 0)))).to(logits.device)
    return stitch(logits, indexed, blocks, residual=False)


def forced(logits: Tensor, labels: NDArray[np.int8]) -> Tensor:
    """Return logits that say what strokes do: where `labels` are 1 object, where -1 background."""
    said = torch.from_numpy(labels).to(logits.device)
    return torch.where(said != 0, said * FORCED, logits)


def _fitted(pixels: Pixels, size: Size) -> Pixels:
    """Return (H, W) uint8 at another size; every pixel is one of those given."""
    if pixels.shape == size:
        return pixels
    how = cv2.INTER_NEAREST_EXACT
    return np.asarray(cv2.resize(pixels, size[::-1], interpolation=how), np.uint8)

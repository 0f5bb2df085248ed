"""Results of the stages: the proposal of the coarse stage, and the prediction of a photo.

Shapes: B photos of one size, H x W that size, Hw x Ww their working size, Hp x Wp that padded,
h x w the coarse size, N tiles, T their side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from coarse.uncertainty import select_tiles
from data.arrays import Photo
from data.geometry import Size
from refine.fovea import Windows
from refine.postprocess import Step, apply
from refine.stitch import enlarge, reduce


@dataclass(frozen=True)
class Proposal:
    """The result of the coarse stage: coarse logits, and the input of the refiner."""

    size: Size
    """Size of the photos, before resampling to working size."""
    working: Size
    """Working size, without padding."""
    coarse: Tensor
    """(B, h, w) logits. To correct some of them, change a `clone()` of it."""
    upsampled: Tensor
    """(B, Hp, Wp) logits."""
    tile_uncertainty: Tensor
    """(B, Hp / T, Wp / T): how uncertain each tile is, zero where it is not."""
    tiles: Tensor
    """(N, 3) int64: photo, row and column in the grid of tiles, in that order."""
    windows: Windows
    """Level k: (N, S_k, S_k, 4) uint8, RGB and coarse probability."""
    max_tiles: int | None = None
    """Most tiles per photo that it was made with; None for all that are uncertain."""
    novelty: Tensor | None = None
    """(B,) novelty of the photos; None if the model cannot tell, or its coarse network did not
    run."""

    @property
    def padded(self) -> Size:
        """Working size with padding."""
        return Size(*self.upsampled.shape[1:])

    @property
    def stride(self) -> int:
        """Pixels at working size along the side of a coarse pixel."""
        return self.padded.height // self.coarse.shape[-2]

    def check(self, photos: Sequence[Photo], max_tiles: int | None) -> None:
        """Raise unless it is of `photos`, and holds as many tiles as `max_tiles` asks for.

        Raises:
            ValueError: it is not, or does not.
        """
        check_photos(photos)
        if (len(photos), photos[0].shape[:2]) != (len(self.coarse), self.size):
            raise ValueError(
                f"a proposal of {len(self.coarse)} photos of {tuple(self.size)} does not belong to "
                f"{len(photos)} of {photos[0].shape[:2]}"
            )
        if self.max_tiles is not None and (max_tiles is None or max_tiles > self.max_tiles):
            wanted = "all" if max_tiles is None else max_tiles
            raise ValueError(
                f"{wanted} uncertain tiles are wanted, but the proposal was made with "
                f"{self.max_tiles} at most"
            )

    def rows_within(self, max_tiles: int | None) -> Tensor:
        """Return (N,) bool: which tiles are among the `max_tiles` most uncertain of their photo.

        Raises:
            ValueError: `max_tiles` is negative.
        """
        chosen = torch.zeros_like(self.tile_uncertainty, dtype=torch.bool)
        chosen[tuple(select_tiles(self.tile_uncertainty, max_tiles).T)] = True
        return chosen[tuple(self.tiles.T)]

    def with_tiles(self, rows: Tensor) -> "Proposal":
        """Return the proposal with only the tiles for which `rows`, (N,) bool, is true."""
        windows = [window[rows] for window in self.windows]
        return replace(self, tiles=self.tiles[rows], windows=windows)

    def photos(self) -> "list[Proposal]":
        """Return a proposal for each photo, in memory of its own, so that others can be freed."""
        num = len(self.coarse)
        if num == 1:
            return [self]
        counts = torch.bincount(self.tiles[:, 0], minlength=num).tolist()
        tiles = self.tiles.clone()
        tiles[:, 0] = 0
        windows = [window.split(counts) for window in self.windows]
        return [
            replace(
                self,
                coarse=self.coarse[i : i + 1].clone(),
                upsampled=self.upsampled[i : i + 1].clone(),
                tile_uncertainty=self.tile_uncertainty[i : i + 1].clone(),
                tiles=own.clone(),
                windows=[window[i].clone() for window in windows],
                novelty=self.novelty if self.novelty is None else self.novelty[i : i + 1],
            )
            for i, own in enumerate(tiles.split(counts))
        ]


@dataclass(frozen=True)
class Prediction:
    """Logits of a photo at its own size, and the proposal that they were made from."""

    photo: Photo
    proposal: Proposal
    """The proposal of this photo alone."""
    on_device: Tensor
    """(H, W) float32 logits of the requested stage, on the device that computed them."""
    tile: int
    """Side of a tile in pixels at working size."""
    steps: tuple[Step, ...] = ()
    """Post-processing steps after the threshold."""

    @cached_property
    def logits(self) -> NDArray[np.float32]:
        """(H, W) logits of the requested stage; above zero is object."""
        return self.on_device.cpu().numpy()

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool: the finished mask."""
        return apply(self.steps, (self.on_device > 0).cpu().numpy(), self.photo)

    @property
    def is_known(self) -> bool | None:
        """Whether the photo is like those that the model was trained on; None if it cannot tell.

        Of other photos, neither the mask nor `predicted_dice` can be trusted.
        """
        novelty = self.proposal.novelty
        return None if novelty is None else float(novelty[0]) <= 1

    @cached_property
    def predicted_dice(self) -> float:
        """Expected Dice of the mask, from 0 to 1, estimated without the true mask.

        Twice the probability inside the mask over the sum of all probability and of the mask:
        the soft Dice confidence of Borges et al., arXiv:2402.10665. It is meant to
        rank photos by the quality of their masks; its value is only as reliable as the
        probabilities are. An empty mask has 0.
        """
        inside = torch.from_numpy(self.mask).to(self.on_device.device)
        area = int(inside.sum())
        if not area:
            return 0.0
        p = torch.sigmoid(self.on_device)
        total = float(p.sum(dtype=torch.float64)) + area
        return 2 * float((p * inside).sum(dtype=torch.float64)) / total

    @cached_property
    def coarse(self) -> NDArray[np.float32]:
        """(H, W) logits of the coarse stage alone, upsampled bilinearly."""
        return at_photo_size(self.proposal.upsampled, self.proposal)[0].cpu().numpy()

    @cached_property
    def coarse_nearest(self) -> NDArray[np.bool_]:
        """(H, W) coarse mask with every coarse pixel repeated, for comparison."""
        mask = (self.proposal.coarse > 0).float()[:, None]
        whole = F.interpolate(mask, scale_factor=self.proposal.stride, mode="nearest")
        cropped = whole[..., : self.proposal.working.height, : self.proposal.working.width]
        if self.proposal.size != self.proposal.working:
            cropped = F.interpolate(cropped, size=tuple(self.proposal.size), mode="nearest-exact")
        return cropped[0, 0].cpu().numpy() > 0

    @property
    def tiles(self) -> NDArray[np.int64]:
        """(N, 2) row and column of the refined tiles, in the grid of tiles at working size."""
        return self.proposal.tiles[:, 1:].cpu().numpy()

    @property
    def num_tiles(self) -> int:
        """Number of tiles in the grid."""
        return self.proposal.padded.area // self.tile**2


def check_photos(photos: Sequence[Photo]) -> None:
    """Raise unless all `photos` are (H, W, 3) uint8 of one size, and there is at least one.

    Raises:
        ValueError: they are not.
    """
    if not photos:
        raise ValueError("a batch has at least one photo")
    for photo in photos:
        if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
            raise ValueError(f"a photo is (H, W, 3) uint8, not {photo.shape} {photo.dtype}")
        if photo.shape != photos[0].shape:
            raise ValueError(f"photos of {photos[0].shape} and {photo.shape} make no batch")


def check_coarse(coarse: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return coarse logits that were not computed here as float32, if they can be used.

    Raises:
        ValueError: they are not finite floats of `shape`.
    """
    if not isinstance(coarse, Tensor) or not coarse.is_floating_point() or coarse.shape != shape:
        found = f"{tuple(coarse.shape)} {coarse.dtype}" if hasattr(coarse, "shape") else coarse
        raise ValueError(f"coarse logits of these photos are a float tensor {shape}, not {found}")
    if not coarse.isfinite().all():
        raise ValueError("coarse logits are finite numbers; these hold others")
    return coarse.float()


def at_photo_size(logits: Tensor, proposal: Proposal) -> Tensor:
    """Return (B, Hp, Wp) logits cropped, and resampled to the photos' own size, (B, H, W)."""
    height, width = proposal.working
    cropped = logits[:, :height, :width]
    if proposal.size.area > proposal.working.area:
        return enlarge(cropped, proposal.size)
    if proposal.size != proposal.working:
        return reduce(cropped, proposal.size)
    return cropped

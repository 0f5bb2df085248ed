"""A trained model as one object: photos in, masks out.

This is the one path from a photo to its mask; making patches, prediction and evaluation
all go along it.

Shapes: B photos of one size, H x W that size, Hw x Ww their working size, Hp x Wp that padded,
h x w the coarse size, N tiles, T their side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from coarse.uncertainty import select_tiles, tile_uncertainty
from data.errors import InputError
from data.geometry import Size
from data.pyramid import to_working_size
from pipeline import DEFAULT_MODEL
from pipeline.inference.devices import Precision, choose_device
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions, Stage
from pipeline.inference.torch_networks import fold_for_inference
from pipeline.model import NO_REFINER, Model
from pipeline.model_folder import load_model
from refine.batch_pyramid import padded_pyramid
from refine.fovea import Windows, gather_windows
from refine.postprocess import Step, apply
from refine.refiner_network import Refiner
from refine.stitch import enlarge, probability, reduce, stitch, upsample

Photo = NDArray[np.uint8]

TILES_AT_ONCE = {"cpu": 128, "cuda": 4096}
"""Tiles refined together; photos with more of them take more time and no more memory. On a CPU, so
few that what is between two layers stays in the cache."""

TILES_MULTIPLE = 32
"""Numbers of tiles are rounded up to multiples of this. The CPU's library keeps what it compiles
for each shape of a convolution, which for every number of tiles was a gigabyte after a thousand
photos."""


@dataclass(frozen=True)
class Proposal:
    """What the coarse stage makes of photos, and what the refiner is to look at."""

    size: Size
    """Of the photos, before they were brought to working size."""
    working: Size
    coarse: Tensor
    """(B, h, w) logits."""
    upsampled: Tensor
    """(B, Hp, Wp) logits."""
    weights: Tensor
    """(B, Hp / T, Wp / T): how uncertain each tile is, zero where it is not."""
    tiles: Tensor
    """(N, 3) int64: photo, row and column in the grid of tiles, in that order."""
    windows: Windows
    """Level k: (N, S_k, S_k, 4) uint8, RGB and coarse probability."""

    @property
    def padded(self) -> Size:
        """Working size and what was padded."""
        return Size(*self.upsampled.shape[1:])

    @property
    def stride(self) -> int:
        """Pixels at working size along the side of a coarse pixel."""
        return self.padded.height // self.coarse.shape[-2]

    def photos(self) -> "list[Proposal]":
        """Return what belongs to each photo, so that one kept does not keep the others."""
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
                weights=self.weights[i : i + 1].clone(),
                tiles=own.clone(),
                windows=[window[i].clone() for window in windows],
            )
            for i, own in enumerate(tiles.split(counts))
        ]


@dataclass(frozen=True)
class Prediction:
    """Logits of a photo at its own size, and how they came about."""

    photo: Photo
    proposal: Proposal
    """Of this photo alone."""
    on_device: Tensor
    """(H, W) float32 logits of the stage asked for, on the device that computed them."""
    tile: int
    """Side of a tile in pixels at working size."""
    steps: tuple[Step, ...] = ()
    """What the mask goes through after the threshold."""

    @cached_property
    def logits(self) -> NDArray[np.float32]:
        """(H, W) of the stage asked for; above zero is object."""
        return self.on_device.cpu().numpy()

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool: the finished mask."""
        return apply(self.steps, (self.on_device > 0).cpu().numpy(), self.photo)

    @cached_property
    def predicted_dice(self) -> float:
        """Dice that the mask may be expected to have, from 0 to 1, known without a true one.

        Twice the probability inside the mask over the sum of all probability and of the mask:
        the soft Dice confidence of Borges et al., arXiv:2402.10665. It ranks photos by how
        good their masks are; its height is only as true as the probabilities are. An empty mask
        has 0.
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
        """Tiles in that grid."""
        return self.proposal.padded.area // self.tile**2


class Segmenter:
    """A model on a device.

    Calling it with a photo (H, W, 3) uint8 RGB gives its mask (H, W) bool. Its networks are copies,
    made for prediction: what is done to `model` later changes nothing.
    """

    def __init__(
        self,
        model: Model,
        device: torch.device | None = None,
        precision: Precision = "auto",
    ) -> None:
        self.device = device or choose_device("auto")
        self.precision = precision
        self.model = model
        self._coarse = fold_for_inference(model.coarse, self.device, precision)
        self._refiner = model.refiner and fold_for_inference(model.refiner, self.device, precision)

    @classmethod
    def load(
        cls, name: str | Path = DEFAULT_MODEL, device: str = "auto", precision: Precision = "auto"
    ) -> "Segmenter":
        """Return the model in the folder `name`, or the one of that name in the package.

        Raises:
            InputError: there is no such model or device, or the model is damaged.
        """
        return cls(load_model(name), choose_device(device), precision)

    def __call__(self, photo: Photo, options: MaskOptions = DEFAULT_OPTIONS) -> NDArray[np.bool_]:
        """Return the mask (H, W) of a photo; see `predict`."""
        return self.predict(photo, options).mask

    def predict(self, photo: Photo, options: MaskOptions = DEFAULT_OPTIONS) -> Prediction:
        """Return the logits of a photo; see `predict_batch`."""
        (prediction,) = self.predict_batch([photo], options)
        return prediction

    @torch.inference_mode()
    def predict_batch(
        self, photos: Sequence[Photo], options: MaskOptions = DEFAULT_OPTIONS
    ) -> list[Prediction]:
        """Return the logits of photos of one size, which are computed together.

        On a GPU this may return before they are there; whoever looks at them waits.

        Args:
            photos: (H, W, 3) uint8 RGB of any size.
            options: how the masks are made.

        Raises:
            ValueError: `photos` are not (H, W, 3) uint8 of one size.
            InputError: the refined stage is asked of a model that has none.
        """
        stage = self.check_stage(options.stage)
        proposal = self.propose_batch(photos, 0 if stage == "coarse" else options.budget)
        logits = proposal.upsampled
        if len(proposal.tiles):
            refined = self.refine(proposal.windows)
            logits = stitch(logits, proposal.tiles, refined, residual=self.refiner().residual)
        steps = self.model.postprocess if options.postprocess is None else options.postprocess
        tile, whole = self.model.fovea.tile, at_photo_size(logits, proposal)
        each = [one.clone() for one in whole] if len(photos) > 1 else [whole[0]]
        return [
            Prediction(photo, own, own_logits, tile, steps)
            for photo, own, own_logits in zip(photos, proposal.photos(), each, strict=True)
        ]

    def propose(self, photo: Photo, budget: int | None = None) -> Proposal:
        """Return what the coarse stage makes of one photo; see `propose_batch`."""
        return self.propose_batch([photo], budget)

    @torch.inference_mode()
    def propose_batch(self, photos: Sequence[Photo], budget: int | None = None) -> Proposal:
        """Run the coarse stage and cut out what the refiner is to look at.

        Raises:
            ValueError: `photos` are not (H, W, 3) uint8 of one size, or the budget is negative.
        """
        check_photos(photos)
        tile, stride = self.model.fovea.tile, self.model.coarse.stride
        at_work = [to_working_size(photo, self.model.long_side) for photo in photos]
        levels = self.levels(at_work)
        rim, small = self.margin // stride, levels[self.model.coarse.level]
        small = small[:, rim : small.shape[1] - rim, rim : small.shape[2] - rim]
        coarse = self._coarse(small.permute(0, 3, 1, 2))
        upsampled = upsample(coarse, stride)
        weights = tile_uncertainty(
            coarse, tile=tile, stride=stride, low=self.model.low, high=self.model.high
        )
        tiles = select_tiles(weights, budget)
        return Proposal(
            size=Size(*photos[0].shape[:2]),
            working=Size(*at_work[0].shape[:2]),
            coarse=coarse,
            upsampled=upsampled,
            weights=weights,
            tiles=tiles,
            windows=self.windows(levels, upsampled, tiles) if len(tiles) else [],
        )

    @property
    def margin(self) -> int:
        """Pixels around a photo in the pyramid: the fovea's, in whole coarse pixels."""
        stride = self.model.coarse.stride
        return -(-self.model.fovea.margin // stride) * stride

    def levels(self, at_work: Sequence[Photo]) -> list[Tensor]:
        """Return the one pyramid that both stages see of photos of one size, at working size.

        Level k is (B, (Hp + 2 M) / 2^k, (Wp + 2 M) / 2^k, 3) uint8 with `margin` M around it.
        """
        coarse = self.model.coarse
        num_levels = max(self.model.fovea.levels, coarse.level + 1)
        return padded_pyramid(self._on_device(at_work), num_levels, self.margin, coarse.alignment)

    def windows(self, levels: list[Tensor], upsampled: Tensor, tiles: Tensor) -> Windows:
        """Cut the windows of tiles, RGB and coarse probability together.

        Args:
            levels: the photos' pyramid, from `levels`.
            upsampled: (B, Hp, Wp) coarse logits.
            tiles: (N, 3) int64 photo, row and column, one at least.
        """
        fovea = self.model.fovea
        # What no window shows is left at zero: half of the rows or so.
        first, last = (int(row) * fovea.tile for row in tiles[:, 1].aminmax())
        rows = slice(max(0, first - fovea.margin), last + fovea.tile + fovea.margin)
        p = torch.zeros(upsampled.shape, dtype=torch.uint8, device=upsampled.device)
        for one, logits in zip(p, upsampled, strict=True):
            one[rows] = probability(logits[rows])
        p_levels = padded_pyramid(p[..., None], fovea.levels, fovea.margin, 1)
        rgb = gather_windows(levels, tiles, fovea, self.margin)
        doubt = gather_windows(p_levels, tiles, fovea)
        return [torch.cat(pair, dim=-1) for pair in zip(rgb, doubt, strict=True)]

    def refiner(self) -> Refiner:
        """Return the model's refiner as it is run.

        Raises:
            InputError: it has none.
        """
        if self._refiner is None:
            raise InputError(NO_REFINER)
        return self._refiner

    @torch.inference_mode()
    def refine(self, windows: Windows) -> Tensor:
        """Return what the refiner makes of the windows of tiles, (N, T, T) logits.

        Raises:
            InputError: the model has no refiner.
        """
        refiner = self.refiner()
        at_once = TILES_AT_ONCE[self.device.type]
        results = []
        for part in zip(*(window.split(at_once) for window in windows), strict=True):
            num = len(part[0])
            filled = [F.pad(x, (0, 0) * 3 + (0, -num % TILES_MULTIPLE)) for x in part]
            results.append(refiner(filled)[:num])
        return torch.cat(results)

    def check_stage(self, stage: Stage | None) -> Stage:
        """Return `stage`, or the last one that the model has where it is None.

        Raises:
            InputError: the refined stage is asked of a model that has none.
        """
        if stage == "refined" and self.model.refiner is None:
            raise InputError(NO_REFINER)
        return stage or ("coarse" if self.model.refiner is None else "refined")

    def _on_device(self, photos: Sequence[Photo]) -> Tensor:
        """Return (B, Hw, Ww, 3) uint8 on the device; on the CPU a single photo is not copied."""
        writable = [np.require(photo, requirements=["C", "W"]) for photo in photos]
        tensors = [torch.from_numpy(photo) for photo in writable]
        batch = tensors[0][None] if len(tensors) == 1 else torch.stack(tensors)
        if self.device.type == "cpu":
            return batch
        return batch.pin_memory().to(self.device, non_blocking=True)


def check_photos(photos: Sequence[Photo]) -> None:
    """Raise unless all `photos` are (H, W, 3) uint8 of one size, and there is one.

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


def at_photo_size(logits: Tensor, proposal: Proposal) -> Tensor:
    """Return (B, Hp, Wp) logits cropped, and resampled to the photos' own size, (B, H, W)."""
    height, width = proposal.working
    cropped = logits[:, :height, :width]
    if proposal.size.area > proposal.working.area:
        return enlarge(cropped, proposal.size)
    if proposal.size != proposal.working:
        return reduce(cropped, proposal.size)
    return cropped

"""A trained model as one object: photo in, mask out.

This is the one path from a photo to its mask; making patches, prediction and evaluation
all go along it.

Shapes: H x W a photo, Hw x Ww its working size, Hp x Wp that padded, h x w the coarse
size, N tiles, T their side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from coarse.uncertainty import select_tiles, tile_weights
from data.errors import InputError
from data.geometry import Size
from data.pyramid import pad, pyramid, to_working_size
from pipeline import model as models
from pipeline.devices import Precision, autocast, choose_device, place
from pipeline.model import Model
from refine.fovea import Windows, gather_windows
from refine.network import Refiner
from refine.postprocess import Step, apply
from refine.stitch import probability, stitch, upsample

Stage = Literal["coarse", "refined"]

TILES_AT_ONCE = {"cpu": 128, "cuda": 1024}
"""Tiles refined together; a photo with more of them takes more time and no more memory."""

TILES_MULTIPLE = 32
"""Numbers of tiles are rounded up to multiples of this. The CPU's library keeps what it compiles
for each shape of a convolution, which for every number of tiles was a gigabyte after a thousand
photos."""

PHOTOS_ON_GPU = 4
"""Photos on the card at a time: enough to decode beside computing, few enough for its memory."""

NO_REFINER = (
    "the model has no refiner yet; run `foveamask make-patches` and "
    "`foveamask train-refiner`, or use --stage coarse"
)


@dataclass(frozen=True)
class Proposal:
    """What the coarse stage makes of a photo, and what the refiner is to look at."""

    size: Size
    """Of the photo, before it was brought to working size."""
    working: Size
    coarse: Tensor
    """(1, h, w) logits."""
    upsampled: Tensor
    """(1, Hp, Wp) logits."""
    tiles: Tensor
    """(N, 3) int64: 0, row and column in the grid of tiles."""
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


@dataclass(frozen=True)
class Prediction:
    """Logits of a photo at its own size, and how they came about."""

    photo: NDArray[np.uint8]
    proposal: Proposal
    logits: NDArray[np.float32]
    """(H, W) of the stage asked for; above zero is object."""
    tile: int
    """Side of a tile in pixels at working size."""
    steps: tuple[Step, ...] = ()
    """What the mask goes through after the threshold."""

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool: the finished mask."""
        return apply(self.steps, self.logits > 0, self.photo)

    @cached_property
    def predicted_dice(self) -> float:
        """Dice that the mask may be expected to have, from 0 to 1, known without a true one.

        Twice the probability inside the mask over the sum of all probability and of the mask:
        the soft Dice confidence of Borges et al., arXiv:2402.10665. It ranks photos by how
        good their masks are; its height is only as true as the probabilities are. An empty mask
        has 0.
        """
        inside = self.mask
        if not inside.any():
            return 0.0
        p = torch.sigmoid(torch.from_numpy(self.logits)).numpy()
        total = float(p.sum(dtype=np.float64)) + int(np.count_nonzero(inside))
        return 2 * float(p.sum(where=inside, dtype=np.float64)) / total

    @cached_property
    def coarse(self) -> NDArray[np.float32]:
        """(H, W) logits of the coarse stage alone, upsampled bilinearly."""
        return at_photo_size(self.proposal.upsampled, self.proposal)

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

    Calling it with a photo (H, W, 3) uint8 RGB gives its mask (H, W) bool.
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
        for network in (model.coarse, model.refiner):
            if network is not None:
                place(network.eval(), self.device)

    @property
    def photos_at_once(self) -> int | None:
        """How many photos to work on side by side; None for one a core."""
        return PHOTOS_ON_GPU if self.device.type == "cuda" else None

    @classmethod
    def load(
        cls, name: str | Path = "carvana", device: str = "auto", precision: Precision = "auto"
    ) -> "Segmenter":
        """Return the model in the folder `name`, or the one of that name in the package.

        Raises:
            InputError: there is no such model or device, or the model is damaged.
        """
        return cls(models.load(name), choose_device(device), precision)

    def __call__(
        self,
        photo: NDArray[np.uint8],
        *,
        stage: Stage | None = None,
        budget: int | None = None,
        postprocess: Sequence[Step] | None = None,
    ) -> NDArray[np.bool_]:
        """Return the mask (H, W) of a photo; see `predict`."""
        return self.predict(photo, stage=stage, budget=budget, postprocess=postprocess).mask

    @torch.inference_mode()
    def predict(
        self,
        photo: NDArray[np.uint8],
        *,
        stage: Stage | None = None,
        budget: int | None = None,
        postprocess: Sequence[Step] | None = None,
    ) -> Prediction:
        """Return the logits of a photo.

        Args:
            photo: (H, W, 3) uint8 RGB of any size.
            stage: how far to go; by default as far as the model does.
            budget: most tiles to refine, the most uncertain first; None for all.
            postprocess: what the mask goes through in the end; by default what the model says.

        Raises:
            ValueError: `photo` is not (H, W, 3) uint8, or the budget is negative.
            InputError: the refined stage is asked of a model that has none.
        """
        stage = self.check_stage(stage)
        proposal = self.propose(photo, 0 if stage == "coarse" else budget)
        logits = proposal.upsampled
        if len(proposal.tiles):
            refiner = self.refiner()
            refined = self.refine(proposal.windows)
            logits = stitch(logits, proposal.tiles, refined, residual=refiner.residual)
        steps = self.model.postprocess if postprocess is None else tuple(postprocess)
        tile = self.model.fovea.tile
        return Prediction(photo, proposal, at_photo_size(logits, proposal), tile, steps)

    @torch.inference_mode()
    def propose(self, photo: NDArray[np.uint8], budget: int | None = None) -> Proposal:
        """Run the coarse stage and cut out what the refiner is to look at.

        Raises:
            ValueError: `photo` is not (H, W, 3) uint8, or the budget is negative.
        """
        if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
            raise ValueError(f"a photo is (H, W, 3) uint8, not {photo.shape} {photo.dtype}")
        fovea, coarse_network = self.model.fovea, self.model.coarse
        stride, level = coarse_network.stride, coarse_network.level
        margin = -(-fovea.margin // stride) * stride
        at_work = to_working_size(photo, self.model.long_side)
        working = Size(at_work.shape[0], at_work.shape[1])
        whole = pad(at_work, margin, coarse_network.alignment)
        levels = [
            torch.from_numpy(pixels).to(self.device)
            for pixels in pyramid(whole, max(fovea.levels, level + 1))
        ]
        rim = margin // stride
        small = levels[level]
        small = small[rim : small.shape[0] - rim, rim : small.shape[1] - rim]
        with autocast(self.device, self.precision):
            coarse = coarse_network(small.permute(2, 0, 1)[None])
        upsampled = upsample(coarse, stride)
        weights = tile_weights(
            coarse, tile=fovea.tile, stride=stride, low=self.model.low, high=self.model.high
        )
        tiles = select_tiles(weights, budget)
        windows = self._windows(levels, margin, upsampled, tiles) if len(tiles) else []
        return Proposal(
            size=Size(photo.shape[0], photo.shape[1]),
            working=working,
            coarse=coarse,
            upsampled=upsampled,
            tiles=tiles,
            windows=windows,
        )

    def refiner(self) -> Refiner:
        """Return the model's refiner.

        Raises:
            InputError: it has none.
        """
        if self.model.refiner is None:
            raise InputError(NO_REFINER)
        return self.model.refiner

    def refine(self, windows: Windows) -> Tensor:
        """Return what the refiner makes of the windows of tiles, (N, T, T) logits.

        Raises:
            InputError: the model has no refiner.
        """
        refiner, num = self.refiner(), len(windows[0])
        rest = -num % TILES_MULTIPLE
        whole = [F.pad(window, (0, 0, 0, 0, 0, 0, 0, rest)) for window in windows]
        at_once = TILES_AT_ONCE[self.device.type]
        some = zip(*(window.split(at_once) for window in whole), strict=True)
        with autocast(self.device, self.precision):
            return torch.cat([refiner(part) for part in some])[:num]

    def check_stage(self, stage: Stage | None) -> Stage:
        """Return `stage`, or the last one that the model has where it is None.

        Raises:
            InputError: the refined stage is asked of a model that has none.
        """
        if stage == "refined" and self.model.refiner is None:
            raise InputError(NO_REFINER)
        return stage or ("coarse" if self.model.refiner is None else "refined")

    def _windows(
        self, levels: list[Tensor], margin: int, upsampled: Tensor, tiles: Tensor
    ) -> Windows:
        """Cut the windows of all tiles, RGB and coarse probability together."""
        fovea = self.model.fovea
        p = pad(probability(upsampled)[0].cpu().numpy(), fovea.margin)
        p_levels = [
            torch.from_numpy(x).to(self.device)[None, ..., None] for x in pyramid(p, fovea.levels)
        ]
        rgb = gather_windows([level[None] for level in levels], tiles, fovea, margin)
        doubt = gather_windows(p_levels, tiles, fovea)
        return [torch.cat(pair, dim=-1) for pair in zip(rgb, doubt, strict=True)]


def at_photo_size(logits: Tensor, proposal: Proposal) -> NDArray[np.float32]:
    """Return (1, Hp, Wp) logits cropped, and resampled to the photo's own size, (H, W)."""
    height, width = proposal.working
    cropped = logits[:, :height, :width]
    if proposal.size != proposal.working:
        smaller = proposal.size.area < proposal.working.area
        cropped = F.interpolate(
            cropped[:, None], size=tuple(proposal.size), mode="bilinear", antialias=smaller
        ).squeeze(1)
    return cropped[0].cpu().numpy()

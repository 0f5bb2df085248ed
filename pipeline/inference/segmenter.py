"""A trained model as one object: photos in, masks out.

This is the only path from a photo to its mask, for training, prediction and evaluation:

    propose   computes coarse logits, unless they are given, and the windows of uncertain tiles
    refine    computes the refiner's logits of those windows
    finish    stitches, resamples to the photo's own size, thresholds and post-processes

Each step takes the result of the one before, so for another budget no network has to run again.

Shapes: B photos of one size, H x W that size, Hw x Ww their working size, Hp x Wp that padded,
h x w the coarse size, N tiles, T their side.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from coarse.uncertainty import select_tiles, tile_uncertainty
from data.arrays import Photo
from data.errors import InputError
from data.geometry import Size
from data.pyramid import to_working_size
from pipeline import DEFAULT_MODEL, Stage
from pipeline.inference.devices import Precision, choose_device, photos_on
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions
from pipeline.inference.networks import Networks
from pipeline.inference.prediction import (
    Prediction,
    Proposal,
    at_photo_size,
    check_coarse,
    check_photos,
)
from pipeline.inference.torch_networks import TorchNetworks
from pipeline.model import NO_REFINER, Model, identity
from pipeline.model_folder import load_model
from refine.batch_pyramid import padded_pyramid
from refine.fovea import Windows, gather_windows
from refine.stitch import probability, stitch, upsample


class Segmenter:
    """A model and the runtime that computes its networks.

    Calling it with a photo (H, W, 3) uint8 RGB gives its mask (H, W) bool.
    """

    def __init__(self, model: Model, networks: Networks) -> None:
        self.model = model
        self.networks = networks

    @classmethod
    def load(
        cls, name: str | Path = DEFAULT_MODEL, device: str = "auto", precision: Precision = "auto"
    ) -> "Segmenter":
        """Return the model in the folder `name`, or the one of that name in the package.

        Raises:
            InputError: there is no such model or device, or the model is damaged.
        """
        return cls.from_model(load_model(name), choose_device(device), precision)

    @classmethod
    def from_model(
        cls, model: Model, device: torch.device | None = None, precision: Precision = "auto"
    ) -> "Segmenter":
        """Return `model` with its networks run by torch; later changes to it have no effect.

        Args:
            model: its networks are copied.
            device: device to compute on; by default a GPU if there is one.
            precision: precision of the computation.
        """
        chosen = choose_device("auto") if device is None else device
        return cls(model, TorchNetworks(model, chosen, precision))

    @cached_property
    def identity(self) -> str:
        """That of its model, see `pipeline.model.identity`; it takes as long as a small photo."""
        return identity(self.model)

    @property
    def device(self) -> torch.device:
        """Where the networks compute."""
        return self.networks.device

    def __call__(self, photo: Photo, options: MaskOptions = DEFAULT_OPTIONS) -> NDArray[np.bool_]:
        """Return the mask (H, W) of a photo; see `predict`."""
        return self.predict(photo, options).mask

    def predict(self, photo: Photo, options: MaskOptions = DEFAULT_OPTIONS) -> Prediction:
        """Return the prediction of a photo; see `predict_batch`."""
        (prediction,) = self.predict_batch([photo], options)
        return prediction

    @torch.inference_mode()
    def predict_batch(
        self, photos: Sequence[Photo], options: MaskOptions = DEFAULT_OPTIONS
    ) -> list[Prediction]:
        """Return the predictions of photos of one size, which are computed together.

        On a GPU this may return before they are computed; reading the values waits for them.

        Args:
            photos: (H, W, 3) uint8 RGB of any size.
            options: how the masks are made.

        Raises:
            ValueError: `photos` are not (H, W, 3) uint8 of one size.
            InputError: the refined stage is requested, but the model has no refiner.
        """
        proposal = self.propose(photos, self.max_tiles(options))
        return self.finish(photos, proposal, self.refine(proposal), options)

    @torch.inference_mode()
    def propose(
        self,
        photos: Sequence[Photo],
        max_tiles: int | None = None,
        *,
        coarse: Tensor | None = None,
    ) -> Proposal:
        """Run the coarse stage and gather the windows of uncertain tiles.

        Args:
            photos: (H, W, 3) uint8 RGB of one size.
            max_tiles: most tiles per photo, the most uncertain first; None for all uncertain tiles.
            coarse: (B, h, w) coarse logits to start from, such as a changed clone of those of an
                earlier proposal; by default the coarse network is run.

        Raises:
            ValueError: `photos` are not (H, W, 3) uint8 of one size, `coarse` is not of their
                coarse size, or `max_tiles` is negative.
        """
        check_photos(photos)
        at_work = [to_working_size(photo, self.model.long_side) for photo in photos]
        levels = self.pyramid(at_work)
        seen = self._seen_by_coarse(levels)
        wanted = (len(photos), *seen.shape[2:])
        novelty = None
        if coarse is None:
            coarse, description = self.networks.coarse(seen)
            if self.model.novelty is not None:
                novelty = self.model.novelty.score(description)
        else:
            coarse = check_coarse(coarse, wanted).to(self.device)
        upsampled = self.upsample(coarse)
        uncertainty, tiles = self.uncertain_tiles(coarse, max_tiles)
        return Proposal(
            size=Size(*photos[0].shape[:2]),
            working=Size(*at_work[0].shape[:2]),
            coarse=coarse,
            upsampled=upsampled,
            tile_uncertainty=uncertainty,
            tiles=tiles,
            windows=self.windows(levels, upsampled, tiles) if len(tiles) else [],
            max_tiles=max_tiles,
            novelty=novelty,
        )

    @torch.inference_mode()
    def refine(self, proposal: Proposal) -> Tensor:
        """Return the refiner's (N, T, T) logits of the tiles of a proposal.

        Raises:
            InputError: there are tiles, and the model has no refiner.
        """
        if not len(proposal.tiles):
            side = self.model.fovea.tile
            return proposal.upsampled.new_empty(0, side, side)
        return self.networks.refiner(proposal.windows)

    @torch.inference_mode()
    def finish(
        self,
        photos: Sequence[Photo],
        proposal: Proposal,
        refined: Tensor,
        options: MaskOptions = DEFAULT_OPTIONS,
        *,
        stitched: Tensor | None = None,
    ) -> list[Prediction]:
        """Stitch refined tiles into the coarse logits, at the photos' own size.

        No network runs here. With other `options`, the same proposal and refined tiles give the
        predictions of another stage, a smaller budget or other post-processing.

        Args:
            photos: the photos of the proposal.
            proposal: from `propose`.
            refined: (N, T, T) logits of its tiles, from `refine`.
            options: how the masks are made.
            stitched: what `stitch` gives for all its tiles, if that was called before.

        Raises:
            ValueError: `photos` are not those of the proposal, or the budget is larger than the
                number of tiles that the proposal was made with.
            InputError: the refined stage is requested, but the model has no refiner.
        """
        max_tiles = self.max_tiles(options)
        proposal.check(photos, max_tiles)
        if max_tiles is not None and len(proposal.tiles) > max_tiles:
            rows = proposal.rows_within(max_tiles)
            proposal, refined, stitched = proposal.with_tiles(rows), refined[rows], None
        logits = self.stitch(proposal, refined) if stitched is None else stitched
        whole = at_photo_size(logits, proposal)
        steps = self.model.postprocess if options.postprocess is None else options.postprocess
        each = [one.clone() for one in whole] if len(photos) > 1 else [whole[0]]
        return [
            Prediction(photo, own, own_logits, self.model.fovea.tile, steps)
            for photo, own, own_logits in zip(photos, proposal.photos(), each, strict=True)
        ]

    def pyramid(self, at_work: Sequence[Photo]) -> list[Tensor]:
        """Return the pyramid of photos of one size, at working size. Both stages read it.

        Level k is (B, (Hp + 2 M) / 2^k, (Wp + 2 M) / 2^k, 3) uint8. M is the margin of the fovea:
        whole tiles, and so whole coarse pixels.
        """
        coarse, fovea = self.model.coarse, self.model.fovea
        num_levels = max(fovea.levels, coarse.level + 1)
        batch = photos_on(self.device, at_work)
        return padded_pyramid(batch, num_levels, fovea.margin, coarse.alignment)

    def upsample(self, coarse: Tensor) -> Tensor:
        """Return (B, h, w) coarse logits at full size, (B, Hp, Wp)."""
        return upsample(coarse, self.model.coarse.stride)

    def uncertain_tiles(self, coarse: Tensor, max_tiles: int | None) -> tuple[Tensor, Tensor]:
        """Return the uncertainty of each tile, (B, Hp / T, Wp / T), and (N, 3) those to refine."""
        model = self.model
        uncertainty = tile_uncertainty(
            coarse,
            tile=model.fovea.tile,
            stride=model.coarse.stride,
            low=model.low,
            high=model.high,
        )
        return uncertainty, select_tiles(uncertainty, max_tiles)

    def windows(self, levels: list[Tensor], upsampled: Tensor, tiles: Tensor) -> Windows:
        """Return the windows of tiles: RGB and coarse probability.

        Args:
            levels: the photos' pyramid, from `pyramid`.
            upsampled: (B, Hp, Wp) coarse logits.
            tiles: (N, 3) int64 photo, row and column, at least one.
        """
        fovea = self.model.fovea
        # Rows that are in no window stay zero, about half of them.
        first, last = (int(row) * fovea.tile for row in tiles[:, 1].aminmax())
        rows = slice(max(0, first - fovea.margin), last + fovea.tile + fovea.margin)
        p = torch.zeros_like(upsampled, dtype=torch.uint8)
        for one, logits in zip(p, upsampled, strict=True):
            one[rows] = probability(logits[rows])
        p_levels = padded_pyramid(p[..., None], fovea.levels, fovea.margin, 1)
        rgb = gather_windows(levels, tiles, fovea)
        probabilities = gather_windows(p_levels, tiles, fovea)
        return [torch.cat(pair, dim=-1) for pair in zip(rgb, probabilities, strict=True)]

    def stitch(self, proposal: Proposal, refined: Tensor) -> Tensor:
        """Return the (B, Hp, Wp) logits of a proposal with (N, T, T) refined ones in its tiles.

        Raises:
            InputError: there are tiles, and the model has no refiner.
        """
        if not len(proposal.tiles):
            return proposal.upsampled
        if self.model.refiner is None:
            raise InputError(NO_REFINER)
        residual = self.model.refiner.residual
        return stitch(proposal.upsampled, proposal.tiles, refined, residual=residual)

    def check_stage(self, stage: Stage | None) -> Stage:
        """Return `stage`, or the last one that the model has if it is None.

        Raises:
            InputError: the refined stage is requested, but the model has no refiner.
        """
        if stage == "refined" and self.model.refiner is None:
            raise InputError(NO_REFINER)
        return stage or ("coarse" if self.model.refiner is None else "refined")

    def max_tiles(self, options: MaskOptions) -> int | None:
        """Return the most tiles to refine in a photo, None for all; raises as `check_stage`."""
        given = self.model.budget if options.budget is None else options.budget
        return 0 if self.check_stage(options.stage) == "coarse" else given

    def _seen_by_coarse(self, levels: list[Tensor]) -> Tensor:
        """Return the (B, 3, h, w) level of the pyramid that the coarse network sees."""
        coarse = self.model.coarse
        level, rim = levels[coarse.level], self.model.fovea.margin // coarse.stride
        inner = level[:, rim : level.shape[1] - rim, rim : level.shape[2] - rim]
        return inner.permute(0, 3, 1, 2)

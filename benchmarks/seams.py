"""What the grid of tiles leaves in a mask: the same photo under the same grid shifted.

Nothing but the tiles moves: the coarse logits are computed once and shifted with the photo, so
that no property of the coarse network is measured.

    python -m benchmarks.seams CARVANA --every 4
"""

import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TypeVar

import cv2
import numpy as np
import torch
from cyclopts import App
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.decisions import check_size
from coarse.coarse_network import CoarseNetwork
from data.errors import SettingsError
from data.images import read_photo
from pipeline import DEFAULT_MODEL
from pipeline.cli import Count, run
from pipeline.evaluation import evaluate
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter

BORDER = 64
"""Pixels along the photo's border that are not compared: a shift brings others in there."""

Number = TypeVar("Number", np.uint8, np.float32)

app = App(name="seams", help_format="plaintext")


class Shifted(CoarseNetwork):
    """A coarse network that gives the logits it was made with, whatever it sees."""

    def __init__(self, network: CoarseNetwork, logits: Tensor) -> None:
        super().__init__(stride=network.stride)
        self.multiple = network.multiple  # type: ignore[misc]
        self.logits = logits

    def forward(self, photos: Tensor) -> Tensor:
        """Return the logits, (1, h, w)."""
        del photos
        return self.logits


@app.default
def seams(
    data: Path, /, *, model: str = DEFAULT_MODEL, every: Count = 1, shifts: tuple[int, ...] = ()
) -> None:
    """Print, for each shift, the pixels that differ in a thousand pixels of contour.

    Args:
        data: photos with masks, of which those that the model has not seen are taken.
        model: the model.
        every: one in so many photos.
        shifts: pixels to shift by, down and to the right, multiples of its coarse stride; by
            default all that a tile has.
    """
    segmenter = Segmenter.load(model)
    stride, tile = segmenter.model.coarse.stride, segmenter.model.fovea.tile
    samples, _ = evaluate.choose(data, segmenter, "unseen")
    photos = [read_photo(sample.photo) for sample in samples[::every]]
    print("| shift, px | differing pixels in 1,000 of contour |\n|---|---|")
    for shift in shifts or range(stride, tile, stride):
        print(f"| {shift} | {1000 * fmean(differing(segmenter, p, shift) for p in photos):.2f} |")


@torch.inference_mode()
def differing(segmenter: Segmenter, photo: NDArray[np.uint8], shift: int) -> float:
    """Return how many pixels differ under a shifted grid, for each pixel of the contour.

    Raises:
        InputError: the photo was not at its working size.
        SettingsError: `shift` is no multiple of the coarse stride.
    """
    before = segmenter.predict(photo, MaskOptions(postprocess=()))
    network, proposal = segmenter.model.coarse, before.proposal
    check_size(proposal)
    if shift % network.stride:
        raise SettingsError(f"no shift by {shift} at a coarse stride of {network.stride}")
    coarse = shifted(proposal.coarse[0].cpu().numpy(), shift // network.stride)
    fixed = Shifted(network, torch.from_numpy(coarse)[None].to(segmenter.device))
    moved = Segmenter(
        replace(segmenter.model, coarse=fixed), segmenter.device, segmenter.precision
    ).predict(shifted(photo, shift), MaskOptions(postprocess=()))
    inside = slice(BORDER, -BORDER)
    first = shifted(before.logits, shift)[inside, inside] > 0
    second = moved.logits[inside, inside] > 0
    return int((first != second).sum()) / max(1, contour_length(first))


def shifted(pixels: NDArray[Number], shift: int) -> NDArray[Number]:
    """Return (H, W[, C]) `pixels` moved down and right; edges are repeated, H and W stay."""
    height, width = pixels.shape[:2]
    rows, columns = (np.arange(side).clip(shift) - shift for side in (height, width))
    moved: NDArray[Number] = pixels[rows[:, None], columns]
    return moved


def contour_length(mask: NDArray[np.bool_]) -> int:
    """Return the number of pixels of (H, W) `mask` that have a neighbour outside of it."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    return int(np.count_nonzero(mask & (inner == 0)))


if __name__ == "__main__":
    sys.exit(run(app))

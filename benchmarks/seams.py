"""How much masks depend on the position of the grid of tiles: the same photos with a shifted grid.

Only the grid is shifted relative to the photo. The coarse logits are computed once and shifted with
the photo, so that no property of the coarse network is measured.

    python -m benchmarks.seams CARVANA --every 4
"""

import sys
from pathlib import Path
from statistics import fmean
from typing import TypeVar

import numpy as np
import torch
from cyclopts import App
from numpy.typing import NDArray

from benchmarks.markdown import of_model, table
from benchmarks.thinning import one_in
from data.arrays import Photo
from data.errors import SettingsError
from data.images import read_photo
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.evaluation import evaluate
from pipeline.evaluation.metrics import contour
from pipeline.evaluation.working_size import check_at_working_size
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter

BORDER = 64
"""Pixels along the photo's border that are not compared, because a shift changes their content."""

Number = TypeVar("Number", np.uint8, np.float32)

app = App(name="seams", help_format="plaintext")


@app.default
def seams(
    data: Path, /, *, model: str = DEFAULT_MODEL, every: Count = 1, shifts: tuple[int, ...] = ()
) -> None:
    """Print, for each shift, how many pixels differ for every 1,000 pixels of contour.

    Args:
        data: photos with masks; only photos that the model was not trained on are measured.
        model: the model.
        every: one in so many photos.
        shifts: pixels to shift by, down and to the right, multiples of the coarse stride; by
            default all such multiples within a tile.
    """
    segmenter = Segmenter.load(model)
    stride, tile = segmenter.model.coarse.stride, segmenter.model.fovea.tile
    samples, _ = evaluate.choose(data, segmenter, "unseen")
    photos = [read_photo(sample.photo) for sample in one_in(every, samples)]
    rows = [
        [str(shift), f"{1000 * fmean(differing(segmenter, p, shift) for p in photos):.2f}"]
        for shift in shifts or range(stride, tile, stride)
    ]
    print(of_model(segmenter.model, len(photos)))
    print(table(["shift, px", "differing pixels in 1,000 of contour"], rows), end="")


@torch.inference_mode()
def differing(segmenter: Segmenter, photo: Photo, shift: int) -> float:
    """Return how many pixels differ under a shifted grid, for each pixel of the contour.

    Raises:
        InputError: the photo was resampled to its working size.
        SettingsError: `shift` is no multiple of the coarse stride.
    """
    before = segmenter.predict(photo, MaskOptions(postprocess=()))
    proposal, stride = before.proposal, segmenter.model.coarse.stride
    check_at_working_size(proposal)
    if shift % stride:
        raise SettingsError(f"no shift by {shift} at a coarse stride of {stride}")
    coarse = shifted(proposal.coarse[0].cpu().numpy(), shift // stride)
    photos = [shifted(photo, shift)]
    given = torch.from_numpy(coarse)[None].to(segmenter.device)
    after = segmenter.propose(photos, coarse=given)
    (moved,) = segmenter.finish(photos, after, segmenter.refine(after), MaskOptions(postprocess=()))
    inside = slice(BORDER, -BORDER)
    first = shifted(before.logits, shift)[inside, inside] > 0
    second = moved.logits[inside, inside] > 0
    length = int(contour(first, neighbours=8).sum())
    return int((first != second).sum()) / max(1, length)


def shifted(pixels: NDArray[Number], shift: int) -> NDArray[Number]:
    """Return (H, W[, C]) `pixels` moved down and right; edges are repeated, H and W stay."""
    height, width = pixels.shape[:2]
    rows, columns = (np.arange(side).clip(shift) - shift for side in (height, width))
    moved: NDArray[Number] = pixels[rows[:, None], columns]
    return moved


if __name__ == "__main__":
    sys.exit(run(app))

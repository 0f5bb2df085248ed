"""What the coarse probabilities decide: which tiles are refined, and how true they are.

    python -m benchmarks.decisions CARVANA --every 3

prints the curve of Dice against the budget of tiles, with tiles taken by their weight, by the
largest doubt in them, or by what they really gain (which nobody can know), and reliability: of all
pixels said to be object with probability p, the share that is.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
import torch
from cyclopts import App
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from data.datasets.coarse_dataset import CoarseView
from data.errors import InputError
from data.images import read_photo
from data.masks import read_mask
from data.samples import Sample
from pipeline import DEFAULT_MODEL
from pipeline.cli import Count, run
from pipeline.evaluation import evaluate
from pipeline.evaluation.metrics import Overlap
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Prediction, Proposal, Segmenter
from pipeline.training.patch_extraction import as_blocks

BUDGETS = (0, 16, 32, 64, 128, 192, 256, 384, 512)
BINS = 10
PIXELS_A_PHOTO = 4000
"""Pixels of a photo that the temperature is fitted on."""

app = App(name="decisions", help_format="plaintext")


@dataclass(frozen=True)
class Tiles:
    """What refining each tile of one photo does; N tiles."""

    coarse: Overlap
    """Of the coarse mask of the whole photo."""
    intersection: NDArray[np.int64]
    """(N,) pixels by which the intersection grows."""
    predicted: NDArray[np.int64]
    """(N,) pixels by which the mask grows."""
    orders: dict[str, NDArray[np.float32]]
    """(N,) each, by what tiles may be ranked: the largest first."""


@app.default
def decisions(data: Path, /, *, model: str = DEFAULT_MODEL, every: Count = 1) -> None:
    """Print the tables.

    Args:
        data: photos with masks, of which those that the model has not seen are taken.
        model: the model.
        every: one in so many photos.
    """
    segmenter = Segmenter.load(model)
    samples, _ = evaluate.choose(data, segmenter, "unseen")
    tiles, reliability = [], Reliability()
    logits, targets = [], []
    generator = torch.Generator().manual_seed(0)
    for sample in samples[::every]:
        prediction = segmenter.predict(read_photo(sample.photo), MaskOptions(postprocess=()))
        truth = read_mask(sample.mask)
        tiles.append(tiles_of(prediction, truth))
        small = coarse_target(sample, segmenter)
        coarse = prediction.proposal.coarse[0].float().cpu()
        reliability.add("coarse", torch.sigmoid(coarse).numpy(), small)
        p = torch.sigmoid(torch.from_numpy(prediction.logits)).numpy()
        reliability.add("refined", p, truth.astype(np.float32))
        some = torch.randperm(coarse.numel(), generator=generator)
        logits.append(coarse.flatten()[some[:PIXELS_A_PHOTO]])
        targets.append(torch.from_numpy(small).flatten()[some[:PIXELS_A_PHOTO]])
    print(budget_table(tiles, BUDGETS))
    print(reliability.table())
    temperature, bias = fit_temperature(torch.cat(logits), torch.cat(targets))
    print(f"coarse logits best divided by {temperature:.3f}, plus {bias:.3f}")


def coarse_target(sample: Sample, segmenter: Segmenter) -> NDArray[np.float32]:
    """Return the (h, w) share of each coarse pixel that is object."""
    network = segmenter.model.coarse
    view = CoarseView(segmenter.model.long_side, network.level, network.alignment)
    pixels = view(read_mask(sample.mask).astype(np.uint8) * 255)
    return np.asarray(pixels / 255, np.float32)


def check_size(proposal: Proposal) -> None:
    """Raise if photos were resampled to be looked at.

    Raises:
        InputError: they were, so that tiles and logits are not on the grid of their masks.
    """
    if proposal.size != proposal.working:
        raise InputError(
            f"a photo of {proposal.size} is looked at as {proposal.working}: only photos that are "
            "looked at as they are (data.long_side) can be measured here"
        )


def tiles_of(prediction: Prediction, truth: NDArray[np.bool_]) -> Tiles:
    """Return what each tile of a prediction at working size changes.

    Raises:
        InputError: the photo was not at its working size.
    """
    proposal, side = prediction.proposal, prediction.tile
    check_size(proposal)
    before, after = prediction.coarse > 0, prediction.logits > 0
    rows, columns = prediction.tiles.T

    def gain(old: NDArray[np.bool_], new: NDArray[np.bool_]) -> NDArray[np.int64]:
        sums = []
        for mask in (new, old):
            canvas = np.zeros(proposal.padded, np.uint8)
            canvas[: mask.shape[0], : mask.shape[1]] = mask
            sums.append(as_blocks(canvas, side)[rows, columns].sum((1, 2), dtype=np.int64))
        return np.asarray(sums[0] - sums[1], np.int64)

    intersection, predicted = gain(before & truth, after & truth), gain(before, after)
    largest = largest_doubts(proposal.coarse, side // proposal.stride)
    return Tiles(
        coarse=Overlap(int((before & truth).sum()), int(before.sum()), int(truth.sum())),
        intersection=intersection,
        predicted=predicted,
        orders={
            "weight": proposal.weights[0].cpu().numpy()[rows, columns],
            "largest doubt": largest.cpu().numpy()[rows, columns],
            # Wrong pixels fewer: two for each that is now in both masks, less one for each added.
            "true gain": (2 * intersection - predicted).astype(np.float32),
        },
    )


def largest_doubts(coarse: Tensor, side: int) -> Tensor:
    """Return the largest min(p, 1 - p) in each tile of `side` pixels of (1, h, w) logits."""
    p = torch.sigmoid(coarse.float())
    return F.max_pool2d(torch.minimum(p, 1 - p), side)[0]


def dice_within(tiles: Tiles, budget: int | None, order: str) -> float:
    """Return the Dice of a photo of which the first `budget` tiles in `order` are refined."""
    first = np.argsort(-tiles.orders[order], kind="stable")[:budget]
    return Overlap(
        tiles.coarse.intersection + int(tiles.intersection[first].sum()),
        tiles.coarse.predicted + int(tiles.predicted[first].sum()),
        tiles.coarse.truth,
    ).dice


def budget_table(photos: Sequence[Tiles], budgets: Sequence[int]) -> str:
    """Return mean Dice by budget and order as a table in Markdown."""
    orders = list(photos[0].orders)
    lines = [f"| budget | tiles | {' | '.join(orders)} |", "|---" * (2 + len(orders)) + "|"]
    for budget in (*budgets, None):
        used = fmean(len(tiles.predicted[:budget]) for tiles in photos)
        cells = [
            f"{fmean(dice_within(tiles, budget, order) for tiles in photos):.5f}"
            for order in orders
        ]
        lines.append(
            f"| {'all' if budget is None else budget} | {used:.0f} | {' | '.join(cells)} |"
        )
    return "\n".join(lines) + "\n"


class Reliability:
    """Counts of pixels by the probability said of them, for several stages."""

    def __init__(self) -> None:
        self.counts: dict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros((3, BINS)))

    def add(self, stage: str, p: NDArray[np.float32], target: NDArray[np.float32]) -> None:
        """Count (H, W) probabilities, and the shares of object that are true, cropped to fit."""
        height, width = (min(sides) for sides in zip(p.shape, target.shape, strict=True))
        p, target = p[:height, :width].ravel(), target[:height, :width].ravel()
        bins = (p * BINS).astype(np.intp).clip(max=BINS - 1)
        for row, values in enumerate((np.ones_like(p), p, target)):
            self.counts[stage][row] += np.bincount(bins, values, BINS)

    def table(self) -> str:
        """Return mean probability and share of object of each bin, as a table in Markdown."""
        stages = list(self.counts)
        lines = [
            "| p | " + " | ".join(f"{s}: pixels, % | said | true" for s in stages) + " |",
            "|---" * (1 + 3 * len(stages)) + "|",
        ]
        for i in range(BINS):
            cells = []
            for stage in stages:
                num, said, true = self.counts[stage][:, i]
                share = 100 * num / self.counts[stage][0].sum()
                cells += [f"{share:.2f}", f"{said / max(num, 1):.3f}", f"{true / max(num, 1):.3f}"]
            lines.append(f"| {i / BINS:.1f} to {(i + 1) / BINS:.1f} | {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"


def fit_temperature(logits: Tensor, targets: Tensor) -> tuple[float, float]:
    """Return what to divide (N,) logits by and what to add then, by cross-entropy with targets.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, with a bias.
    """
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([scale, bias], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        z = logits.double() * scale + bias
        loss = F.binary_cross_entropy_with_logits(z, targets.double())
        loss.backward()
        return loss

    optimizer.step(closure)
    return 1 / scale.item(), bias.item()


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.exit(run(app))

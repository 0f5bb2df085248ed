"""Which tiles the coarse probabilities choose, and how reliable the probabilities are.

    python -m benchmarks.decisions CARVANA --every 3

prints Dice by budget, with tiles ranked by their summed uncertainty, by their most uncertain pixel,
or by their true gain from refining (which needs the true mask); and reliability: of all pixels that
are object with predicted probability p, the share that is object.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from cyclopts import App
from numpy.typing import NDArray

from benchmarks.markdown import of_model, table
from benchmarks.thinning import one_in
from data.arrays import Mask
from data.datasets.coarse_dataset import CoarseView
from data.images import read_photo
from data.samples import read_sample_mask
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.evaluation import evaluate
from pipeline.evaluation.budget_curve import ORDERS, BudgetPoint, budget_curve, tile_gains
from pipeline.evaluation.reliability import Reliability, fit_temperature
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter

BUDGETS = (0, 16, 32, 64, 128, 192, 256, 384, 512)
PIXELS_A_PHOTO = 4000
"""Pixels per photo that the temperature is fitted on."""

app = App(name="decisions", help_format="plaintext")


@app.default
def decisions(data: Path, /, *, model: str = DEFAULT_MODEL, every: Count = 1) -> None:
    """Print the tables.

    Args:
        data: photos with masks; only photos that the model was not trained on are measured.
        model: the model.
        every: one in so many photos.
    """
    segmenter = Segmenter.load(model)
    samples, _ = evaluate.choose(data, segmenter, "unseen")
    gains = []
    reliability = {"coarse": Reliability(), "refined": Reliability()}
    logits, targets = [], []
    generator = torch.Generator().manual_seed(0)
    for sample in one_in(every, samples):
        prediction = segmenter.predict(read_photo(sample.photo), MaskOptions(postprocess=()))
        truth = read_sample_mask(sample)
        gains.append(tile_gains(prediction, truth))
        coarse = prediction.proposal.coarse[0].float().cpu()
        target = coarse_target(truth, segmenter)
        reliability["coarse"].add(torch.sigmoid(coarse).numpy(), target)
        p = torch.sigmoid(torch.from_numpy(prediction.logits)).numpy()
        reliability["refined"].add(p, truth.astype(np.float32))
        chosen = torch.randperm(coarse.numel(), generator=generator)[:PIXELS_A_PHOTO].numpy()
        logits.append(coarse.numpy().ravel()[chosen])
        targets.append(target.ravel()[chosen])
    print(of_model(segmenter.model, len(gains)))
    print(budget_table(budget_curve(gains, BUDGETS)))
    print(reliability_table(reliability))
    temperature, bias = fit_temperature(np.concatenate(logits), np.concatenate(targets))
    print(f"coarse logits best divided by {temperature:.3f}, plus {bias:.3f}")


def coarse_target(truth: Mask, segmenter: Segmenter) -> NDArray[np.float32]:
    """Return the (h, w) share of object in each coarse pixel of the (H, W) mask `truth`."""
    network = segmenter.model.coarse
    view = CoarseView(segmenter.model.long_side, network.level, network.alignment)
    return np.asarray(view(truth.astype(np.uint8) * 255) / 255, np.float32)


def budget_table(points: Sequence[BudgetPoint]) -> str:
    """Return mean Dice by budget and order as a table in Markdown."""
    rows = [
        [
            "all" if point.budget is None else str(point.budget),
            f"{point.tiles:.0f}",
            *(f"{point.dice[order]:.5f}" for order in ORDERS),
        ]
        for point in points
    ]
    return table(["budget", "tiles", *ORDERS], rows)


def reliability_table(stages: Mapping[str, Reliability]) -> str:
    """Return the bins of each stage side by side, as a table in Markdown."""
    headings = ["p"]
    for stage in stages:
        headings += [f"{stage}: pixels, %", "predicted", "true"]
    rows = []
    for same in zip(*(reliability.bins() for reliability in stages.values()), strict=True):
        row = [f"{same[0].low:.1f} to {same[0].high:.1f}"]
        for one in same:
            row += [f"{100 * one.share:.2f}", f"{one.predicted:.3f}", f"{one.true:.3f}"]
        rows.append(row)
    return table(headings, rows)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.exit(run(app))

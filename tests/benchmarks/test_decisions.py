"""The measurements of what probabilities decide, and of seams, on small made-up cases."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import decisions, seams
from benchmarks.decisions import Reliability, budget_table, dice_within, fit_temperature, tiles_of
from coarse.enet import ENet
from data.geometry import Fovea
from data.masks import write_mask
from pipeline.evaluation.metrics import overlap
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from pipeline.model_folder import save_model
from refine.refiner_network import Refiner

SIZE = (192, 256)


def segmenter_of(*, trained: bool = True) -> Segmenter:
    """An untrained coarse network, unsure here and there, and a refiner that does something."""
    torch.manual_seed(3)
    coarse, refiner = ENet(), Refiner(Fovea(8), channels=(8,) * 3, depths=(1, 2, 2))
    nn.init.normal_(coarse.head.weight, std=2)
    if trained:
        nn.init.normal_(refiner.head.weight, std=2)
    return Segmenter(
        Model(coarse, refiner, Fovea(8), 0.05, 0.95, SIZE[1]), torch.device("cpu"), "fp32"
    )


def photo_of(seed: int = 0) -> np.ndarray:
    shades = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(shades, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def write_data(folder: Path) -> Path:
    """Write photos `0` and `1` with masks; return `folder`."""
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    for i in range(2):
        cv2.imwrite(str(folder / "images" / f"{i}.png"), photo_of(i))
        write_mask(folder / "masks" / f"{i}.png", photo_of(i)[..., 0] > 128)
    return folder


@pytest.mark.parametrize("order", ["weight", "largest doubt", "true gain"])
def test_dice_within_a_budget_is_that_of_a_prediction_with_that_budget(order: str):
    segmenter, photo = segmenter_of(), photo_of()
    truth = np.zeros(SIZE, bool)
    truth[40:150, 60:200] = True
    tiles = tiles_of(segmenter.predict(photo), truth)

    for budget in (0, None):
        mask = segmenter(photo, MaskOptions(budget=budget))
        assert dice_within(tiles, budget, order) == pytest.approx(overlap(mask, truth).dice)


def test_dice_within_a_budget_by_weight_is_that_of_a_prediction_with_that_budget():
    segmenter, photo = segmenter_of(), photo_of()
    truth = photo[..., 0] > 128
    tiles = tiles_of(segmenter.predict(photo), truth)

    for budget in (1, 7, 25):
        dice = overlap(segmenter(photo, MaskOptions(budget=budget)), truth).dice
        assert dice_within(tiles, budget, "weight") == pytest.approx(dice)


def test_the_most_doubtful_tile_has_the_pixel_nearest_to_one_half():
    segmenter, photo = segmenter_of(), photo_of()
    prediction = segmenter.predict(photo)
    p = torch.sigmoid(prediction.proposal.coarse[0])

    tiles = tiles_of(prediction, photo[..., 0] > 128)

    first = int(np.argmax(tiles.orders["largest doubt"]))
    row, column = (int(i) for i in prediction.tiles[first])
    block = p[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
    assert (block - 0.5).abs().min() == (p - 0.5).abs().min()


def test_no_order_gains_more_at_once_than_the_true_one():
    segmenter, photo = segmenter_of(), photo_of()
    truth = segmenter(photo)
    tiles = tiles_of(segmenter.predict(photo), truth)

    table = budget_table([tiles], (5, 40))

    assert dice_within(tiles, None, "weight") == 1
    for line in table.splitlines()[2:]:
        by_weight, by_largest, by_gain = (float(cell) for cell in line.split("|")[3:6])
        assert by_gain >= max(by_weight, by_largest)


def test_reliability_counts_what_was_said_and_what_is_true():
    reliability = Reliability()

    reliability.add("coarse", np.float32([[0.05, 0.15], [0.15, 1.0]]), np.float32([[0, 0], [1, 1]]))

    lines = reliability.table().splitlines()
    assert lines[2] == "| 0.0 to 0.1 | 25.00 | 0.050 | 0.000 |"
    assert lines[3] == "| 0.1 to 0.2 | 50.00 | 0.150 | 0.500 |"
    assert lines[-1] == "| 0.9 to 1.0 | 25.00 | 1.000 | 1.000 |"


def test_the_temperature_that_logits_were_multiplied_by_is_found():
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(100_000, generator=generator) * 2
    labels = torch.bernoulli(torch.sigmoid(true), generator=generator)

    temperature, bias = fit_temperature((true - 0.5) * 1.7, labels)

    assert temperature == pytest.approx(1.7, rel=0.05)
    assert bias == pytest.approx(0.5, abs=0.05)


def test_an_untrained_refiner_leaves_no_seams():
    assert seams.differing(segmenter_of(trained=False), photo_of(), 4) == 0


def test_a_refiner_that_does_something_is_seen_under_a_shifted_grid():
    segmenter, photo = segmenter_of(), photo_of()

    assert seams.differing(segmenter, photo, 0) == 0
    assert seams.differing(segmenter, photo, 4) > 0


def test_the_tables_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = write_data(tmp_path)
    save_model(segmenter_of().model, tmp_path / "model")

    decisions.decisions(data, model=str(tmp_path / "model"))
    seams.seams(data, model=str(tmp_path / "model"))

    printed = capsys.readouterr().out
    assert "| all |" in printed
    assert "coarse logits best divided by" in printed
    assert "| 4 |" in printed

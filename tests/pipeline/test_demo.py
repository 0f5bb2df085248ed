"""The demo from end to end, on a few small photos of a few cars."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from data.geometry import Size, padded
from data.images import read_photo
from data.masks import read_mask
from data.samples import Sample, find_samples
from pipeline.config import CoarseConfig, Config, DataConfig, RefinerConfig, TilesConfig
from pipeline.demo import Scale, run_demo, shrunk
from pipeline.model_folder import load_model
from pipeline.reporting.canvas import GAP

Pixels = NDArray[np.uint8]

SIZE = Size(200, 300)
SMALL = Scale(
    training_cars=4,
    unseen_cars=1,
    angles=4,
    size=SIZE,
    settings=Config(
        # A split of few cars may leave one side empty: then `split_seed` is to be another one.
        data=DataConfig(val_share=0.5, split_seed=1, long_side=max(SIZE)),
        coarse=CoarseConfig(
            init="", epochs=12, batch_size=4, lr=4e-3, validate_every=12, precision="fp32"
        ),
        tiles=TilesConfig(max_patches_per_photo=100),
        refiner=RefinerConfig(epochs=2, batch_size=64, precision="fp32"),
    ),
)


def cell(picture: Pixels, row: int, column: int, size: tuple[int, int]) -> Pixels:
    """The picture of `size` in a panel of two rows and five columns; its title is above it."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 5
    bottom, left = (row + 1) * height - GAP, column * width + GAP
    return picture[bottom - size[0] : bottom, left : left + size[1]]


@pytest.mark.slow
def test_the_demo_trains_predicts_scores_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run_demo(tmp_path, "cpu", SMALL)

    table = capsys.readouterr().out
    found = load_model(tmp_path / "run" / "model")
    unseen = find_samples(tmp_path / "unseen")
    assert "4 synthetic photos of 1 unseen cars" in table
    rows = re.findall(r"│ (c[a-z, ]+|refined) +│ +([\d.]+) │ +([\d.-]+) │ +([\d.]+) │", table)
    assert [stage.strip() for stage, *_ in rows] == ["coarse, nearest", "coarse", "refined"]
    for _, dice, error, iou in rows:
        assert 0.1 < float(dice) < 1
        assert 0 <= float(error) < max(SIZE)
        assert 0 <= float(iou) < 1
    assert found.refiner is not None
    assert len(found.provenance["groups"]) + len(found.provenance["validation_groups"]) == 4
    assert found.seen.isdisjoint(sample.group for sample in unseen)
    for sample in unseen:
        assert read_mask(tmp_path / "masks" / f"{sample.name}.png").shape == SIZE
    check_picture(read_photo(tmp_path / "demo.png"), unseen[0])


def check_picture(picture: Pixels, sample: Sample) -> None:
    """Photos at half of their size stand above details, from the photo to its true mask."""
    photo, truth = read_photo(sample.photo), read_mask(sample.mask)
    height, width = (side // 2 for side in padded(SIZE))
    assert picture.shape[1] == 5 * (width + 2 * GAP)
    small = shrunk(photo)
    np.testing.assert_array_equal(cell(picture, 0, 0, (height, width)), small)
    part = cell(picture, 1, 0, (height, width))
    away = cv2.matchTemplate(photo, part, cv2.TM_SQDIFF)
    top, left = np.unravel_index(away.argmin(), away.shape)
    window = slice(top, top + height), slice(left, left + width)
    np.testing.assert_array_equal(photo[window], part)
    mask = cell(picture, 1, 4, (height, width))
    np.testing.assert_array_equal(mask, truth[window][..., None].repeat(3, 2) * np.uint8(255))
    pictures = [cell(picture, i // 5, i % 5, (height, width)) for i in range(10)]
    assert len({one.tobytes() for one in pictures}) == 10

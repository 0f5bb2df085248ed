"""The whole job on synthetic photos: make data, train both stages, predict, score, draw."""

import logging
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from data.geometry import Size
from data.images import read_photo, write_png
from data.masks import read_mask
from data.pyramid import pad, pyramid
from data.samples import Sample, find_samples
from data.studio import write_dataset
from pipeline.config import CoarseConfig, Config, DataConfig, RefinerConfig
from pipeline.evaluation.evaluate import evaluate
from pipeline.inference.predict import predict_photos
from pipeline.inference.segmenter import Segmenter
from pipeline.progress import progress
from pipeline.reporting.canvas import (
    densest_crop,
    difference,
    outline_tiles,
    overlay,
    panel,
    white_on_black,
)
from pipeline.toml_settings import save_settings
from pipeline.training import commands

log = logging.getLogger(__name__)

TRAINING_CARS = 16
UNSEEN_CARS = 3
ANGLES = 8
SIZE = Size(640, 959)
"""Half of a Carvana photo to each side: a quarter of the work, and four times the steps."""

SETTINGS = Config(
    data=DataConfig(val_share=0.2, split_seed=1, long_side=max(SIZE)),
    coarse=CoarseConfig(epochs=28, batch_size=8, lr=4e-3, validate_every=7),
    refiner=RefinerConfig(epochs=8, batch_size=128),
)


def run_demo(out: Path, device: str) -> None:
    """Work in `out`; print a table of scores and write the picture `out`/demo.png.

    Raises:
        InputError: `out` holds something else.
    """
    started = time.monotonic()
    training, unseen, run = out / "training", out / "unseen", out / "run"
    for folder, cars, seed in ((training, TRAINING_CARS, 0), (unseen, UNSEEN_CARS, 1)):
        with progress(f"rendering {cars} cars") as on_photo:
            write_dataset(folder, cars=cars, angles=ANGLES, seed=seed, size=SIZE, on_photo=on_photo)
    run.mkdir(parents=True, exist_ok=True)
    settings = out / "settings.toml"
    save_settings(SETTINGS, settings)

    commands.train_coarse([training], run, settings, device)
    commands.make_patches([training], run, None, device)
    model = commands.train_refiner(run, None, device)

    segmenter = Segmenter.load(model, device)
    samples = find_samples(unseen)
    predict_photos([sample.photo for sample in samples], out / "masks", segmenter)
    scores, _ = evaluate(unseen, segmenter)
    draw(samples[0], segmenter, out / "demo.png")
    print_table(scores)
    log.info("picture: %s; all in %.0f s", out / "demo.png", time.monotonic() - started)


def print_table(scores: dict[str, Any]) -> None:
    """Print coarse and refined scores side by side on stdout."""
    table = Table(title=f"{scores['photos']} synthetic photos of {UNSEEN_CARS} unseen cars")
    for heading in ("stage", "Dice", "boundary error (px)", "boundary IoU (2 px)"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage in ("coarse_nearest", "coarse", "refined"):
        row = scores[stage]
        table.add_row(
            stage.replace("_", ", "),
            f"{row['dice']:.4f}",
            "-" if row["boundary_error_px"] is None else f"{row['boundary_error_px']:.2f}",
            f"{row['boundary_iou_2px']:.3f}",
        )
    Console(file=sys.stdout).print(table)


def draw(sample: Sample, segmenter: Segmenter, path: Path) -> None:
    """Write a picture of one photo on its way: coarse, uncertain tiles, refined, truth."""
    photo, truth = read_photo(sample.photo), read_mask(sample.mask)
    prediction = segmenter.predict(photo)
    coarse = prediction.coarse > 0
    side = segmenter.model.fovea.tile
    whole = [
        ("photo", photo),
        ("coarse", overlay(photo, coarse)),
        (f"{len(prediction.tiles)} uncertain tiles", outline_tiles(photo, prediction.tiles, side)),
        ("refined", overlay(photo, prediction.mask)),
        ("truth", overlay(photo, truth)),
    ]
    window = densest_crop(coarse ^ truth, (320, 480))
    near = [
        ("photo", photo),
        ("coarse: added red, lost blue", difference(photo, coarse, truth)),
        ("tiles", whole[2][1]),
        ("refined: added red, lost blue", difference(photo, prediction.mask, truth)),
        ("truth", white_on_black(truth)),
    ]
    near = [(title, picture[window]) for title, picture in near]
    small = [(title, shrunk(picture)) for title, picture in whole]
    write_png(path, panel([*small, *near], columns=5))


def shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture at half of its size."""
    return pyramid(pad(picture), 2)[1]

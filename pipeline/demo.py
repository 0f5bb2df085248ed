"""The demo: make synthetic photos, train both stages on them, predict, score, draw."""

import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from data.arrays import Pixels
from data.geometry import Size
from data.images import read_photo, write_png
from data.photo_files import PhotoFile
from data.pyramid import pad, pyramid
from data.samples import Sample, find_samples, read_sample_mask
from data.studio import write_dataset
from pipeline.config import CoarseConfig, Config, DataConfig, RefinerConfig
from pipeline.evaluation.evaluate import evaluate
from pipeline.evaluation.scores import Summary
from pipeline.inference.job import Job
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

SIZE = Size(640, 959)
"""Half the sides of a Carvana photo: a quarter of the work per step, so four times the steps."""

SETTINGS = Config(
    data=DataConfig(val_share=0.2, split_seed=1, long_side=max(SIZE)),
    coarse=CoarseConfig(init="", epochs=28, batch_size=8, lr=4e-3, validate_every=7),
    refiner=RefinerConfig(epochs=8, batch_size=128),
)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Amount of work; the defaults take some minutes on two cores."""

    training_cars: int = 16
    unseen_cars: int = 3
    angles: int = 8
    size: Size = SIZE
    """Of the photos."""
    settings: Config = SETTINGS
    """Settings of both trainings."""


MINUTES = Scale()


def run_demo(out: Path, device: str, scale: Scale = MINUTES) -> None:
    """Run the demo in `out`; print a table of scores and write the picture `out`/demo.png.

    Raises:
        InputError: `out` holds other data.
    """
    started = time.monotonic()
    training, unseen, run = out / "training", out / "unseen", out / "run"
    for folder, cars, seed in ((training, scale.training_cars, 0), (unseen, scale.unseen_cars, 1)):
        with progress(f"rendering {cars} cars") as on_photo:
            write_dataset(
                folder,
                cars=cars,
                angles=scale.angles,
                seed=seed,
                size=scale.size,
                on_photo=on_photo,
            )
    run.mkdir(parents=True, exist_ok=True)
    settings = out / "settings.toml"
    save_settings(scale.settings, settings)

    commands.train_coarse([training], run, settings, device)
    commands.make_patches([training], run, None, device)
    model = commands.train_refiner(run, None, device)

    segmenter = Segmenter.load(model, device)
    samples = find_samples(unseen)
    photos = [PhotoFile(sample.photo, sample.name) for sample in samples]
    predict_photos(photos, Job(out=out / "masks", overwrite=True), segmenter)
    summary, _ = evaluate(unseen, segmenter)
    draw(samples[0], segmenter, out / "demo.png")
    print_table(summary, scale.unseen_cars)
    log.info("picture: %s; all in %.0f s", out / "demo.png", time.monotonic() - started)


def print_table(summary: Summary, num_cars: int) -> None:
    """Print coarse and refined scores side by side on stdout; the photos show `num_cars` cars."""
    table = Table(title=f"{summary.photos} synthetic photos of {num_cars} unseen cars")
    for heading in ("stage", "Dice", "boundary error (px)", "boundary IoU (2 px)"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    stages = {
        "coarse, nearest": summary.coarse_nearest,
        "coarse": summary.coarse,
        "refined": summary.refined,
    }
    for stage, scores in stages.items():
        if scores is not None:
            error = scores.boundary_error_px
            table.add_row(
                stage,
                f"{scores.dice:.4f}",
                "-" if error is None else f"{error:.2f}",
                f"{scores.boundary_iou_2px:.3f}",
            )
    Console(file=sys.stdout).print(table)


def draw(sample: Sample, segmenter: Segmenter, path: Path) -> None:
    """Write a picture of one photo: coarse mask, uncertain tiles, refined mask, truth."""
    photo, truth = read_photo(sample.photo), read_sample_mask(sample)
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
    small = [(title, shrunk(picture)) for title, picture in whole]
    height, width, _ = small[0][1].shape
    window = densest_crop(coarse ^ truth, (height, width))
    near = [
        ("photo", photo),
        ("coarse: added red, lost blue", difference(photo, coarse, truth)),
        ("tiles", whole[2][1]),
        ("refined: added red, lost blue", difference(photo, prediction.mask, truth)),
        ("truth", white_on_black(truth)),
    ]
    near = [(title, picture[window]) for title, picture in near]
    write_png(path, panel([*small, *near], columns=5))


def shrunk(picture: Pixels) -> Pixels:
    """Return a picture at half of its size."""
    return pyramid(pad(picture), 2)[1]

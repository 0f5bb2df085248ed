"""What pages begin with: photos of bright objects, and a model that finds them, all tiny."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from coarse.novelty import NoveltyDetector
from data import rle
from data.studio.dataset_writer import car_name
from data.studio.photograph import FULL_SIZE
from pipeline.model_folder import save_model
from tests.bright_objects import SIZE, bright_model, object_in, photo_of
from tests.builders import disc, foveamask
from tests.pipeline.full_training.small_training import COARSE, STEPS

GREEN, RED = (0, 176, 0), (255, 0, 0)

SETTINGS = f"""
[data]
long_side = 256
{COARSE.format(steps=STEPS)}
[tiles]
max_patches_per_photo = 40
[refiner]
init = ""
batch_size = 64
channels = [2, 1, 1]
depths = [1, 1, 1]
precision = "fp32"
{STEPS}
"""
"""A training of seconds."""


def write_photo(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo_of(object_in(seed=seed))).save(path, quality=95)


def write_true_mask(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(object_in(seed=seed)).save(path)


def photos(folder: Path) -> None:
    for seed, name in enumerate(("4711_1", "4711_2", "4712_1", "4712_2", "4713_1", "4713_2")):
        write_photo(folder / f"{name}.jpg", seed)


def masks_of_photos(folder: Path) -> None:
    """Masks of `photos`, as another tool has made them."""
    for seed, name in enumerate(("4711_1", "4711_2", "4712_1", "4712_2", "4713_1", "4713_2")):
        write_true_mask(folder / f"{name}.png", seed)


def data(folder: Path, *, first: int = 0, colours: bool = False) -> None:
    """Ten photos and their masks, which may be of two colours."""
    for seed in range(first, first + 10):
        write_photo(folder / "images" / f"leaf{seed:02d}.jpg", seed)
        write_true_mask(folder / "masks" / f"leaf{seed:02d}.png", seed)
        if colours:
            mask = np.zeros((*SIZE, 3), np.uint8)
            mask[object_in(seed=seed)] = GREEN if seed % 2 else RED
            Image.fromarray(mask).save(folder / "masks" / f"leaf{seed:02d}.png")


def studio(folder: Path, cars: int, angles: int, seed: int = 0) -> None:
    """The photos of `foveamask demo-data`, by their names; it leaves alone what is there."""
    for car in range(cars):
        name = car_name(seed, car, angles, FULL_SIZE)
        for angle in range(1, angles + 1):
            stem, which = f"{name}_{angle:02d}", car * angles + angle
            write_photo(folder / "train" / f"{stem}.jpg", which)
            write_true_mask(folder / "train_masks" / f"{stem}_mask.gif", which)


def table_of_masks(path: Path) -> None:
    """A csv of one mask of the challenge's size."""
    runs = rle.encode(disc((640, 959), 300, FULL_SIZE))
    path.write_text(f"img,rle_mask\ncar.jpg,{runs}\n")


def settings(path: Path) -> None:
    path.write_text(SETTINGS)


def masks(folder: Path) -> None:
    """Masks of the photos beside them, by the model beside them."""
    given = folder.parent / "photos", folder, "--model", folder.parent / "carvana"
    assert foveamask("predict", *given) == 0


def model(folder: Path) -> None:
    """A model in place of the package's; to it all photos are like those of its training."""
    detector = NoveltyDetector(
        torch.zeros(256), torch.zeros(1, 256), torch.ones(1), torch.tensor(1.0), torch.tensor(1e9)
    )
    save_model(replace(bright_model(), novelty=detector), folder)


def finished_run(run: Path) -> None:
    """A run of all stages, on `data`."""
    data(run.parent / "trained-on")
    settings(run.parent / "trained-on" / "settings.toml")
    given = run.parent / "trained-on"
    assert foveamask("train-coarse", given, run, "--config", given / "settings.toml") == 0
    assert foveamask("make-patches", given, run) == 0
    assert foveamask("train-refiner", run) == 0


MAKERS: dict[str, Callable[[Path], None]] = {
    **dict.fromkeys(("a.jpg", "b.jpg", "car.jpg", "photo.png", "photos/car.jpg"), write_photo),
    **dict.fromkeys(("car_mask.png", "truth/car.png"), write_true_mask),
    **dict.fromkeys(("photos", "PHOTOS", "CARVANA/test", "share/photos", "share/incoming"), photos),
    "masks": masks,
    "coarse": masks_of_photos,
    "DATA": data,
    **dict.fromkeys(("MORE", "TEST"), partial(data, first=10)),
    "LEAVES": partial(data, colours=True),
    "OTHER_LEAVES": partial(data, first=10, colours=True),
    "CARS/images": photos,
    "CARVANA": partial(studio, cars=4, angles=2),
    **dict.fromkeys(("settings.toml", "second.toml"), settings),
    "train_masks.csv": table_of_masks,
}
"""How what pages name is made."""

BEGINNINGS: dict[str, list[str]] = {
    "README.md": ["car.jpg", "photos", "DATA", "CARVANA"],
    "docs/index.md": ["car.jpg", "DATA"],
    "docs/tutorials/challenge.md": ["CARVANA/test"],
    "docs/tutorials/train-on-your-photos.md": [
        *("LEAVES", "OTHER_LEAVES", "DATA", "TEST", "photos"),
    ],
    "docs/how-to/any-language.md": ["photos", "photo.png"],
    "docs/how-to/audit.md": ["DATA", "second.toml"],
    "docs/how-to/check-your-data.md": ["DATA", "LEAVES", "MORE", "settings.toml"],
    "docs/how-to/cut-out-for-a-shop.md": ["photos"],
    "docs/how-to/label-and-come-back.md": [
        *("DATA", "CARS/images", "photos", "train_masks.csv", "CARVANA"),
    ],
    "docs/how-to/predict.md": ["photos", "car.jpg", "a.jpg", "b.jpg", "RUN"],
    "docs/how-to/reports.md": ["DATA", "photos"],
    "docs/how-to/review.md": ["photos"],
    "docs/how-to/run-on-many-machines.md": [
        *("photos", "PHOTOS", "car.jpg", "share/photos", "share/incoming"),
    ],
    "docs/how-to/serve.md": ["car.jpg"],
    "docs/how-to/sharpen-masks.md": ["photos", "coarse", "car.jpg", "car_mask.png", "RUN"],
    "docs/how-to/show.md": ["car.jpg", "truth/car.png"],
    "docs/how-to/train-stage-by-stage.md": ["DATA", "MORE", "settings.toml"],
    "docs/reference/data-format.md": ["photos", "photos/car.jpg", "masks"],
    "docs/reference/python.md": ["car.jpg"],
}
"""What each page says it begins with; the others begin with nothing."""


def begin(folder: Path, names: Iterable[str], run: Path) -> None:
    """Make what a page begins with; `run` is a finished one, of which RUN and others are copies."""
    for name in ("carvana", "carvana-masks"):  # such folders are found before those of the package
        model(folder / name)
    settings(folder / "tiny.toml")
    for name in names:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if name in MAKERS:
            MAKERS[name](place)
        else:
            shutil.copytree(run, place)

"""What the shipped models say at some pixels of one photo, and the losses of the first steps.

    python -m tests.goldens.make_goldens

writes the files beside this one anew, and is to be run whenever a change is meant to change them:
other weights, another recipe of training. `tests/test_goldens.py` computes the same again.

The photo is a synthetic one, rendered at four times its size and averaged, which leaves little of
the noise and 150 kB as PNG. It is kept rather than rendered again, so that a change of the
renderer, which has nothing to do with the models, does not change what they are shown; and it is
free of loss, because decoders of JPEG differ. It is brought to the working size of the models and
its logits back, so that all of the path from a photo to its mask is in the numbers.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.datasets.augment import Augmentation
from data.geometry import Size
from data.images import read_photo, write_png
from data.pyramid import pyramid
from data.studio import render_photo
from pipeline.inference.segmenter import Prediction, Segmenter
from pipeline.model_folder import weights_hash
from pipeline.network_config import EnetConfig
from pipeline.training import commands, refiner_training
from pipeline.training.patches import open_patches
from tests import builders, patch_builders
from tests.builders import CPU, tiny_config, with_coarse, with_refiner

HERE = Path(__file__).parent
PHOTO = HERE / "photo.png"
LOSSES = HERE / "losses.json"
MODELS = ("carvana", "carvana-base")

NUM_EACH = 16
"""Pixels of each kind."""
BORDER = 3
"""A pixel is near the border of the photo if it has fewer than so many beyond it."""
NUM_STEPS = 5

Golden = list[dict[str, Any]]
"""A pixel each: its kind, its row and column, its logits of either stage."""


def golden_of(model: str) -> Path:
    return HERE / f"{model}.json"


def predict(model: str) -> Prediction:
    """Return what the shipped `model` makes of the photo, in float32, on the CPU."""
    return Segmenter.load(model, device="cpu", precision="fp32").predict(read_photo(PHOTO))


def kinds(prediction: Prediction) -> dict[str, NDArray[np.bool_]]:
    """Return the kinds of pixels that goldens are of, by name."""
    rows, columns = np.indices(prediction.logits.shape)
    near = np.minimum(rows, columns) < BORDER
    near |= np.minimum(rows[::-1, ::-1], columns[::-1, ::-1]) < BORDER
    wavering, refined = np.abs(prediction.coarse) < 1, prediction.logits != prediction.coarse
    found = {
        "contour": wavering & ~near,
        "border": near,
        "object": (prediction.coarse > 3) & ~refined & ~near,
        "background": (prediction.coarse < -3) & ~refined & ~near,
    }
    return found | ({"refined": refined & wavering & ~near} if refined.any() else {})


def choose(prediction: Prediction) -> Golden:
    """Choose pixels of each kind, the same ones each time."""
    random = np.random.default_rng(0)
    return [
        {"kind": kind, "at": place}
        for kind, mask in kinds(prediction).items()
        for place in sorted(random.choice(np.argwhere(mask), NUM_EACH, replace=False).tolist())
    ]


def logits_at(prediction: Prediction, pixels: Golden, stage: str) -> list[float]:
    """Return the logits of a stage, `coarse` or `refined`, at some pixels."""
    logits = prediction.coarse if stage == "coarse" else prediction.logits
    return [float(logits[tuple(pixel["at"])]) for pixel in pixels]


def losses() -> dict[str, list[float]]:
    """Return the losses of the first steps of both stages, of which an epoch is one."""
    with tempfile.TemporaryDirectory() as folder:
        coarse, refiner = Path(folder) / "coarse", Path(folder) / "refiner"
        return {"coarse": coarse_losses(coarse), "refiner": refiner_losses(refiner)}


def coarse_losses(folder: Path) -> list[float]:
    """Train ENet on smooth shades, changed as photos are by default.

    The learning rate is low: AdamW takes steps of one length along gradients that are nothing but
    rounding, which machines do differently.
    """
    photos = {stem: builders.shaded_photo((64, 96), i) for i, stem in enumerate(builders.shades(8))}
    settings = with_coarse(
        tiny_config(),
        epochs=NUM_STEPS,
        batch_size=8,
        lr=3e-4,
        augment=Augmentation(),
        enet=EnetConfig(dropout=0.1),
    )
    data = builders.write_data(folder / "data", photos)
    given = builders.write_settings(folder / "settings.toml", settings)
    commands.train_coarse([data], folder / "run", given, "cpu")
    return losses_in(folder / "run" / "coarse")


def refiner_losses(folder: Path) -> list[float]:
    """Train a small refiner on patches of noise."""
    settings = with_refiner(tiny_config(), epochs=NUM_STEPS, lr=0.03)
    run = patch_builders.write_patches(folder, settings)
    cache = open_patches(run, settings, weights_hash(run / "model"))
    refiner_training.train_refiner(cache, run / "refiner", settings, CPU)
    return losses_in(run / "refiner")


def losses_in(stage_dir: Path) -> list[float]:
    lines = (stage_dir / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def write_rows(path: Path, rows: Sequence[Any]) -> None:
    """Write a list as JSON, an item a line."""
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def make_photo() -> None:
    """Render the photo; with another renderer it would be another one."""
    rendered, _ = render_photo(7, 0, 3, size=Size(1280, 1920))
    write_png(PHOTO, pyramid(rendered, 3)[2])


def make() -> None:
    """Write all goldens, and the photo if it is not there."""
    if not PHOTO.exists():
        make_photo()
    for model in MODELS:
        prediction = predict(model)
        pixels = choose(prediction)
        stages_of_it = ("coarse", "refined") if len(prediction.tiles) else ("coarse",)
        for stage in stages_of_it:
            for pixel, logit in zip(pixels, logits_at(prediction, pixels, stage), strict=True):
                pixel[stage] = round(logit, 5)
        write_rows(golden_of(model), pixels)
    LOSSES.write_text(json.dumps(losses(), indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(make())

"""Photos that are trained on within seconds, and the settings for that."""

import re
from pathlib import Path
from typing import Any

from pipeline.model import identity
from pipeline.model_folder import load_model
from tests.builders import ellipse_sample, write_toml

NUM_PHOTOS = 10

ELSEWHERE = re.compile(r'"\w*seconds": [\d.e-]+|"(photo|mask)": "[^"]*"')

STEPS = "steps = 4\n"

COARSE = """
[coarse]
init = ""
network = "mlp"
batch_size = 4
num_workers = 0
precision = "fp32"
{steps}
[coarse.mlp]
grid = [8, 8]
hidden = [16]
"""

SETTINGS = f"""{COARSE}
[tiles]
side = 8
levels = 2
max_patches_per_photo = 40
[refiner]
batch_size = 64
channels = [4, 4]
depths = [1, 1]
precision = "fp32"
{{steps}}
"""


def write_photos(folder: Path, num: int = NUM_PHOTOS) -> Path:
    """Write a data folder of photos with ellipses."""
    for seed in range(num):
        ellipse_sample(folder, (64, 96), seed)
    return folder


def settings(folder: Path, *, steps: str = STEPS) -> Path:
    """Write the settings file."""
    return write_toml(folder, SETTINGS.format(steps=steps))


def command(folder: Path, *options: object, run: str = "run", steps: str = STEPS) -> list[str]:
    """The command that trains on the photos of `folder`."""
    if not (folder / "data").exists():
        write_photos(folder / "data")
    given = settings(folder, steps=steps)
    parts = ["train", folder / "data", folder / run, "--config", given, "--device", "cpu", *options]
    return [str(part) for part in parts]


def made(run: Path) -> dict[str, Any]:
    """What a training leaves, without the times that it took and the places of the photos."""
    files = ("scores.json", "coarse/metrics.jsonl", "refiner/metrics.jsonl", "config.toml")
    return {
        "model": identity(load_model(run / "model")),
        **{name: ELSEWHERE.sub("", (run / name).read_text()) for name in files},
    }

"""All measurements of speed and memory in one call.

    python -m benchmarks.speed OUT [--data CARVANA] [--device auto] [--only stages,rivals]

Without --data, photos of synthetic cars are made first. The tables go to OUT/speed.md, which is
written after each part, so that finished parts survive if a later one fails; the plot goes to
OUT/scaling.png.
"""

import logging
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from cyclopts import App, Parameter

from benchmarks import rivals, runtimes, scaling, stage_times, throughput, training_speed
from benchmarks.machine import Machine, measured
from benchmarks.thinning import linked_subset
from benchmarks.timing import on_one_core
from data.errors import SettingsError
from data.files import replacing
from data.groups import CARVANA_GROUP
from data.samples import Sample, find_samples
from data.studio import write_dataset
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.inference.devices import choose_device
from pipeline.inference.segmenter import Segmenter
from pipeline.model_folder import find_model
from pipeline.progress import progress

log = logging.getLogger(__name__)

SYNTHETIC_CARS = 8
FEW = 8
"""Number of photos for the measurements that take long per photo."""

app = App(help=__doc__, help_format="plaintext")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the command."""

    data: Path | None = None
    """Photos with masks; by default synthetic ones are made."""
    model: str = DEFAULT_MODEL
    """The model."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute."""
    only: str | None = None
    """Parts, with commas between; by default all."""
    counts: Annotated[tuple[Count, ...], Parameter(negative=())] = (100, 1000)
    """Numbers of photos that `foveamask predict` is timed with."""
    every: Count = 4
    """The trainings use one in so many photos of each car."""
    settings: Annotated[Path | None, Parameter(name="--config")] = None
    """Settings of the trainings; by default those of the model `carvana`."""


ONE_STAGE = "Only for models with both stages.\n"


@dataclass(frozen=True)
class Bench:
    """Values that all measurements share."""

    out: Path
    data: Path
    samples: list[Sample]
    few: list[Sample]
    segmenter: Segmenter
    machine: Machine
    host: Machine
    """The CPU; the same as `machine` where the networks run on it."""
    options: Options


@app.default
def speed(out: Path, /, options: Options | None = None) -> None:
    """Measure, and write the tables to OUT/speed.md.

    Args:
        out: folder to work in.
        options: the options.

    Raises:
        InputError: there is an error in the photos, or no such model or device.
    """
    options = options or Options()
    names = chosen(options.only)
    bench = prepared(out, options)
    text = f"{bench.machine}\n"
    if bench.host is not bench.machine:
        text += f"\n{bench.host}\n"
    for name in names:
        log.info("%s", name)
        title, part = PARTS[name]
        text += f"\n### {title}\n\n{part(bench)}"
        with replacing(out / "speed.md") as partial:
            partial.write_text(text)
    print(text)


def chosen(only: str | None) -> list[str]:
    """Return the parts that are named, with commas between, or all.

    Raises:
        SettingsError: there is no such part.
    """
    wanted = [name.strip() for name in only.split(",")] if only else list(PARTS)
    for name in wanted:
        if name not in PARTS:
            raise SettingsError(f"--only: no part {name!r}; there are {', '.join(PARTS)}")
    return wanted


def prepared(out: Path, options: Options) -> Bench:
    """Return what all parts share; synthetic photos are made unless data is given."""
    out.mkdir(parents=True, exist_ok=True)
    data = options.data or out / "data"
    if options.data is None:  # photos that exist already are kept
        with progress("rendering") as on_photo:
            write_dataset(data, cars=SYNTHETIC_CARS, angles=16, seed=0, on_photo=on_photo)
    samples = find_samples(data, group_pattern=CARVANA_GROUP)
    num = min(FEW, len(samples))
    few = [samples[i * len(samples) // num] for i in range(num)]
    device = choose_device(options.device)
    with on_one_core():
        host = measured(torch.device("cpu"))
        machine = measured(device) if device.type == "cuda" else host
    segmenter = Segmenter.load(options.model, options.device)
    return Bench(out, data, samples, few, segmenter, machine, host, options)


def stages(bench: Bench) -> str:
    """Return where the time of one photo goes, on one core."""
    with on_one_core():
        return stage_times.table_of_stages(
            bench.segmenter, photos(bench.few), bench.machine, bench.host
        )


def networks(bench: Bench) -> str:
    """Return the times of ways to run the networks, on one core."""
    with on_one_core():
        return runtimes.table_of_runtimes(
            bench.options.model, photos(bench.few), bench.options.device
        )


def files(bench: Bench) -> str:
    """Return the times of the command, from files to files."""
    options = bench.options
    with_refiner = bench.segmenter.model.refiner is not None
    stages = ("coarse", "refined") if with_refiner else ("coarse",)
    on_cpu = bench.segmenter.device.type == "cpu"
    return throughput.table_of_commands(
        photos(bench.samples),
        bench.out / "files",
        options.counts,
        ("--model", options.model, "--device", options.device),
        stages,
        cores=bench.host.cores if on_cpu else 1,
    )


def growth(bench: Bench) -> str:
    """Return time against size and boundary, on one core."""
    if bench.segmenter.model.refiner is None:
        return ONE_STAGE
    samples = bench.samples[:: max(1, len(bench.samples) // (4 * FEW))]
    with on_one_core():
        return scaling.tables(bench.segmenter, samples, bench.out / "scaling.png")


def others(bench: Bench) -> str:
    """Return the times of other networks, one photo at a time on all cores."""
    if bench.segmenter.model.refiner is None:
        return ONE_STAGE
    return rivals.table_of_networks(bench.segmenter, photos(bench.few[:2]), bench.out)


def training(bench: Bench) -> str:
    """Return the times of making patches and of both trainings."""
    options, folder = bench.options, bench.out / "training"
    shutil.rmtree(folder, ignore_errors=True)
    data = linked_subset(bench.data, folder / "data", options.every, CARVANA_GROUP)
    samples = find_samples(data, group_pattern=CARVANA_GROUP)
    base = options.settings or find_model(DEFAULT_MODEL) / "settings.toml"
    return training_speed.table_of_trainings(
        data, samples, folder, base, bench.segmenter.model, options.device
    )


PARTS: dict[str, tuple[str, Callable[[Bench], str]]] = {
    "stages": ("Where the time of a photo goes, one core", stages),
    "networks": ("Ways to run the networks, one core", networks),
    "files": ("From files to files", files),
    "scaling": ("What time grows with, one core", growth),
    "rivals": ("Other ways to a full-size mask, all cores", others),
    "training": ("Training", training),
}


def photos(samples: Sequence[Sample]) -> list[Path]:
    """Return the photos of `samples`."""
    return [sample.photo for sample in samples]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status: 1 for bad input, 2 for wrong options."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    torch.manual_seed(0)
    return run(app, arguments)


if __name__ == "__main__":
    sys.exit(main())

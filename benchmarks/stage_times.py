"""Where the time of a photo goes: each stage beside the least time that the machine allows.

Stages are timed inside the one forward path: `TimedSegmenter` is a segmenter with a clock around
each of its steps. The floor of a stage is the larger of two times: that of its multiply-adds at
the rate of a product of large matrices, and that of the bytes that it must read and write once at
the rate of a large copy. The floors of decoding and encoding count bytes only, although most of
their time is spent on entropy coding.
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean, median

import torch
from torch import Tensor

from benchmarks.machine import Machine
from benchmarks.markdown import table
from benchmarks.timing import ROUNDS, wait_for
from data import rle
from data.arrays import Photo
from data.images import read_photo, read_size
from data.masks import write_mask
from pipeline.evaluation.cost import photo_cost
from pipeline.inference.networks import Networks
from pipeline.inference.prediction import Proposal
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import batches
from refine.fovea import Windows

STAGES = (
    "decode",
    "pyramid",
    "coarse network",
    "upsample",
    "choice of tiles",
    "windows",
    "refiner",
    "stitch",
    "threshold",
    "run lengths",
    "PNG",
)

ON_HOST = ("decode", "run lengths", "PNG")
"""Stages that the CPU does, wherever the networks run."""


class Clock:
    """Seconds by stage. The time of a stage inside another one counts for the inner one alone."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.times: dict[str, float] = defaultdict(float)
        self.inner: list[float] = []

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Add the time of the block to `stage`, without that of the stages inside."""
        wait_for(self.device)
        self.inner.append(0.0)
        started = time.perf_counter()
        yield
        wait_for(self.device)
        taken = time.perf_counter() - started
        self.times[stage] += taken - self.inner.pop()
        if self.inner:
            self.inner[-1] += taken


class TimedNetworks:
    """A runtime with a clock around each network."""

    def __init__(self, networks: Networks, clock: Clock) -> None:
        self.networks = networks
        self.clock = clock
        self.device = networks.device

    def coarse(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coarse logits, and the descriptions of the photos."""
        with self.clock.timing("coarse network"):
            return self.networks.coarse(photos)

    def refiner(self, windows: Windows) -> Tensor:
        """Return the logits of tiles."""
        with self.clock.timing("refiner"):
            return self.networks.refiner(windows)


class TimedSegmenter(Segmenter):
    """A segmenter with a clock around each step of its path."""

    def __init__(self, segmenter: Segmenter, clock: Clock) -> None:
        super().__init__(segmenter.model, TimedNetworks(segmenter.networks, clock))
        self.clock = clock

    def pyramid(self, at_work: Sequence[Photo]) -> list[Tensor]:
        """Return the pyramid of photos."""
        with self.clock.timing("pyramid"):
            return super().pyramid(at_work)

    def upsample(self, coarse: Tensor) -> Tensor:
        """Return coarse logits at full size."""
        with self.clock.timing("upsample"):
            return super().upsample(coarse)

    def uncertain_tiles(self, coarse: Tensor, max_tiles: int | None) -> tuple[Tensor, Tensor]:
        """Return the uncertainty of each tile, and the tiles to refine."""
        with self.clock.timing("choice of tiles"):
            return super().uncertain_tiles(coarse, max_tiles)

    def windows(self, levels: list[Tensor], upsampled: Tensor, tiles: Tensor) -> Windows:
        """Return the windows of tiles."""
        with self.clock.timing("windows"):
            return super().windows(levels, upsampled, tiles)

    def stitch(self, proposal: Proposal, refined: Tensor) -> Tensor:
        """Return the logits with refined ones in the tiles."""
        with self.clock.timing("stitch"):
            return super().stitch(proposal, refined)


def table_of_stages(
    segmenter: Segmenter, photos: Sequence[Path], machine: Machine, host: Machine
) -> str:
    """Return the table in Markdown; to be called with one thread.

    A GPU gets batches of photos of one size, as in the prediction of many photos; `host` does the
    stages that are not computed on it.
    """
    together = [[photo] for photo in photos]
    if machine.device.type == "cuda":
        decoded = ((photo, read_photo(photo)) for photo in photos)
        together = [[photo for photo, _ in batch] for batch in batches(decoded)]
    rounds, tiles = [], [0]
    for i in range(1 + ROUNDS):
        clock = Clock(machine.device)
        tiles = [num for batch in together for num in run(segmenter, batch, clock)]
        if i:  # the first round allocates memory and compiles kernels
            rounds.append(clock.times)
    times = {stage: 1000 * median(r[stage] for r in rounds) / len(photos) for stage in rounds[0]}
    floors = floors_ms(segmenter, photos[0], fmean(tiles), machine, host)
    rows = [
        [
            stage,
            f"{times[stage]:.1f}",
            f"{floors[stage]:.2f}",
            f"{times[stage] / floors[stage]:.1f}",
        ]
        for stage in STAGES
        if stage in times
    ]
    rest = times.get("the rest", 0.0)
    rows.append(["the rest: working size, crop, Python", f"{rest:.1f}", "", ""])
    total, least = sum(times.values()), sum(floors[stage] for stage in times if stage in floors)
    rows.append(["all", f"{total:.1f}", f"{least:.1f}", f"{total / least:.1f}"])
    return table(["stage", "ms", "floor, ms", "times the floor"], rows)


def run(segmenter: Segmenter, paths: Sequence[Path], clock: Clock) -> list[int]:
    """Go from the files `paths` to masks on disk, and return the numbers of tiles refined."""
    timed = TimedSegmenter(segmenter, clock)
    with tempfile.TemporaryDirectory() as folder:
        with clock.timing("decode"):
            photos = [read_photo(path) for path in paths]
        with clock.timing("the rest"):
            predictions = timed.predict_batch(photos)
        with clock.timing("threshold"):
            masks = [prediction.mask for prediction in predictions]
        with clock.timing("run lengths"):
            for mask in masks:
                rle.encode(mask)
        with clock.timing("PNG"):
            for mask in masks:
                write_mask(Path(folder) / "mask.png", mask)
    return [len(prediction.tiles) for prediction in predictions]


def floors_ms(
    segmenter: Segmenter, photo: Path, num_tiles: float, machine: Machine, host: Machine
) -> dict[str, float]:
    """Return the least time of each stage for photos like `photo`."""
    stage = segmenter.check_stage(None)
    cost = photo_cost(segmenter.model, read_size(photo), stage, num_tiles=1)
    fovea = segmenter.model.fovea
    seen = 4e-6 * sum(fovea.window_side(level) ** 2 for level in range(fovea.levels))
    pixels = segmenter.propose([read_photo(photo)], max_tiles=0).padded.area / 1e6
    small = pixels / segmenter.model.coarse.stride**2
    megabytes = {
        "decode": 3 * pixels,
        "pyramid": 3 * pixels * (1 + 1 + 1 / 4 + 1 / 16),
        "upsample": 4 * (small + pixels),
        "choice of tiles": 4 * small,
        "windows": (4 + 1) * pixels + 2 * seen * num_tiles,
        "stitch": 2 * 4 * pixels,
        "threshold": (4 + 1) * pixels,
        "run lengths": pixels,
        "PNG": pixels,
    }
    floors = {
        name: (host if name in ON_HOST else machine).floor_ms(megabytes=size)
        for name, size in megabytes.items()
    }
    floors["coarse network"] = machine.floor_ms(gmac=cost.coarse, megabytes=(3 + 4) * small)
    floors["refiner"] = machine.floor_ms(
        gmac=(cost.total - cost.coarse) * num_tiles, megabytes=seen * num_tiles
    )
    return floors

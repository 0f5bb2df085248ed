"""Tiny inputs, the commands that are tortured with them, and what these make undisturbed."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
from PIL import Image

from coarse.mlp import MLP
from data.geometry import Fovea
from data.masks import write_mask
from data.patch_cache import patch_store
from pipeline.cli import main
from pipeline.config import Config, MlpConfig
from pipeline.dice_interval import MIN_GROUPS, DiceInterval
from pipeline.model_folder import save_model
from tests.builders import (
    SIZE,
    middle_disc,
    shaded_photo,
    tiny_config,
    tiny_model,
    with_coarse,
    with_refiner,
    write_data,
    write_settings,
)
from tests.torture import child
from tests.torture.child import UNLIMITED, Ended, Limits
from tests.torture.file_faults import Fault, FileFaults
from tests.torture.results import Results, difference, results_of

NUM_PHOTOS = 4
NUM_CARS = 4
GRID = (4, 6)


@dataclass(frozen=True)
class Job:
    """A command, run in a folder of its own."""

    name: str
    arguments: tuple[str, ...]
    """{in} stands for the folder of inputs, {out} for the job's own."""
    begins_with: str = ""
    """Job after which it comes; the folder is a copy of what that left."""

    def command(self, inputs: Path, out: Path) -> list[str]:
        """Return the arguments of the command."""
        return [
            text.replace("{in}", str(inputs)).replace("{out}", str(out)) for text in self.arguments
        ]


PREDICT = ("predict", "{in}/photos", "{out}/masks", "--model", "{in}/model", "--device", "cpu")
CPU = ("--device", "cpu")

JOBS = (
    Job("predict", (*PREDICT, "--csv", "{out}/masks.csv", "--expected", "{out}/expected.csv")),
    Job("predict-gz", (*PREDICT, "--csv", "{out}/masks.csv.gz")),
    Job("predict-part", (*PREDICT, "--part", "1/2", "--csv", "{out}/masks.csv")),
    Job("predict-join", (*PREDICT, "--csv", "{out}/masks.csv"), "predict-part"),
    Job("predict-polygons", (*PREDICT, "--output", "coco,labelme,cutout", "--crop", "object")),
    Job("train-coarse", ("train-coarse", "{in}/data", "{out}", "--config", "{in}/run.toml", *CPU)),
    Job("make-patches", ("make-patches", "{in}/data", "{out}", *CPU), "train-coarse"),
    Job("train-refiner", ("train-refiner", "{out}", *CPU), "make-patches"),
    Job("calibrate", ("calibrate", "{in}/more", "{out}/model", *CPU), "train-refiner"),
    Job("export", ("export", "{out}/model.onnx", "--model", "{in}/model")),
    Job("check", ("check", "{in}/data", "--sheet", "{out}/sheet.png", "--config", "{in}/run.toml")),
    Job("refine", ("refine", "{in}/photos", "{in}/given", "{out}/masks", *PREDICT[3:])),
    Job("convert", ("convert", "{in}/data/masks", "{out}/all.json", "--to", "coco", "--overwrite")),
)
"""The commands, each after the one that it begins with."""

LARGE_PREDICT = ("predict", "{in}/KIND", "{out}/masks", "--model", "{in}/model", *CPU)
LARGE_JOBS = tuple(
    Job(f"predict-{kind}", tuple(text.replace("KIND", kind) for text in LARGE_PREDICT))
    for kind in ("huge", "large")
)
"""Predictions of photos as large as they may be, and of some as cameras make them."""


def job_named(name: str) -> Job:
    """Return the job of a name."""
    return next(job for job in (*JOBS, *LARGE_JOBS) if job.name == name)


class Workshop:
    """Folders of inputs, of what the commands make of them, and of cases."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.inputs = root / "inputs"
        self.whole = root / "whole"
        self.cases = root / "cases"  # as deep as `whole`: results may hold paths to the photos
        self.logs = root / "logs"
        self.seconds: dict[str, float] = {}
        """How long each job takes undisturbed."""
        for folder in (self.inputs, self.whole, self.cases, self.logs):
            folder.mkdir(parents=True)
        # So that a few tiny photos fill several shards.
        patch_store.CHUNK, patch_store.SHARD = 4, 16
        self.expect(child.run(self._write_inputs, self.log(), timeout=120))
        self._operations: dict[str, list[str]] = {}
        self.right: dict[str, Results] = {}
        """What each job leaves undisturbed."""
        for job in JOBS:
            self.need(job)

    def need(self, job: Job) -> None:
        """Run a job undisturbed, once."""
        if job.name in self.right:
            return
        if job in LARGE_JOBS:
            self.expect(child.run(self._write_large_photos, self.log(), timeout=120))
        ended = self.run(job, self.place(job, self.whole / job.name), timeout=300)
        self.expect(ended)
        self.seconds[job.name] = ended.seconds
        self.right[job.name] = results_of(self.whole / job.name)

    def place(self, job: Job, folder: Path) -> Path:
        """Make the folder of a job as it is before its command."""
        if job.begins_with:
            shutil.copytree(self.whole / job.begins_with, folder, dirs_exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def new_case(self, job: Job) -> Path:
        """Make a new folder for a job."""
        return self.place(job, Path(tempfile.mkdtemp(dir=self.cases)))

    def log(self) -> Path:
        """Return a new file for the stderr of a child."""
        descriptor, name = tempfile.mkstemp(dir=self.logs)
        os.close(descriptor)
        return Path(name)

    def work(
        self,
        job: Job,
        folder: Path,
        fault: Fault = "count",
        at: int = -1,
        names: Path | None = None,
    ) -> Callable[[], int]:
        """Return the work of a child: the command of a job, with a fault at an operation.

        The names of the operations are written to the file `names`.
        """

        def run_command() -> int:
            faults = FileFaults(folder, fault, at)
            if fault != "count" or names:
                faults.install()
            status = main(job.command(self.inputs, folder))
            if names:
                names.write_text("\n".join(faults.names))
            return status

        return run_command

    def run(
        self, job: Job, folder: Path, limits: Limits = UNLIMITED, *, timeout: float = 60
    ) -> Ended:
        """Run the command of a job in a child."""
        return child.run(self.work(job, folder), self.log(), limits, timeout)

    def operations(self, job: Job) -> list[str]:
        """Return the operations on files of an undisturbed run, in order."""
        if job.name in self._operations:
            return self._operations[job.name]
        folder, names = self.new_case(job), self.log()
        self.expect(child.run(self.work(job, folder, names=names), self.log()))
        shutil.rmtree(folder)
        self._operations[job.name] = names.read_text().splitlines()
        return self._operations[job.name]

    def resume_fault(self, job: Job, folder: Path) -> str:
        """Run the command of a job in `folder` undisturbed; return what is wrong after that."""
        ended = self.run(job, folder)
        if problem := child.fault(ended, allowed=(0,)):
            return f"the same command afterwards: {problem}"
        wrong = difference(results_of(folder), self.right[job.name])
        return f"after the same command again: {wrong}" if wrong else ""

    def expect(self, ended: Ended) -> None:
        """Raise unless a child has ended well.

        Raises:
            RuntimeError: it has not, so that nothing can be tortured.
        """
        if ended.status:
            raise RuntimeError(
                f"without any disturbance, exit status {ended.status}:\n{ended.stderr}"
            )

    def _write_inputs(self) -> int:
        for folder in ("photos/red", "given/red"):
            (self.inputs / folder).mkdir(parents=True)
        for i in range(NUM_PHOTOS):
            name = f"{('', 'red/')[i // 2 % 2]}{i:04}.{('png', 'jpg')[i % 2]}"
            pixels = shaded_photo(SIZE, i)[..., ::-1]
            cv2.imwrite(str(self.inputs / "photos" / name), pixels)
            write_mask(
                self.inputs / "given" / f"{Path(name).with_suffix('.png')}", middle_disc(SIZE)
            )
        network = MLP(grid=GRID, hidden=(16,))
        model = tiny_model(coarse=network, fovea=Fovea(16, 2))
        interval = DiceInterval(-0.5, 0.3, 0.9, 200, 15, 0.94)
        save_model(replace(model, dice_interval=interval), self.inputs / "model")
        cars = {f"{car:012x}_01": shaded_photo(SIZE, 50 + car) for car in range(NUM_CARS)}
        write_data(self.inputs / "data", cars)
        others = {f"{i:012x}_01": shaded_photo(SIZE, i) for i in range(500, 500 + MIN_GROUPS)}
        write_data(self.inputs / "more", others)
        write_settings(self.inputs / "run.toml", small_config())
        return 0

    def _write_large_photos(self) -> int:
        """Write a photo of the most pixels, a few KB of one colour, and two of 1918 x 1280."""
        for kind in ("large", "huge"):
            (self.inputs / kind).mkdir()
            for name in ("a", "z"):
                pixels = shaded_photo((1280, 1918), ord(name))
                cv2.imwrite(str(self.inputs / kind / f"{name}.jpg"), pixels)
        Image.new("RGB", (2**14, 2**14), "grey").save(self.inputs / "huge" / "m.png")
        return 0


def small_config() -> Config:
    """Settings of two epochs of each stage, with the network that takes the least time."""
    network = {"network": "mlp", "stride": 16, "mlp": MlpConfig(grid=GRID, hidden=(16,))}
    config = tiny_config()
    config = replace(config, tiles=replace(config.tiles, side=16))
    return with_refiner(with_coarse(config, epochs=2, **network), epochs=2)

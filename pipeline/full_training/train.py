"""The command `train`: check, both stages, the choice of tiles, scores and a report.

Each part leaves files of its own in the folder of the run, and `train.json` says which parts are
done. So the same command goes on after any interruption. Without a limit of time it ends with the
same model as if it had not been interrupted.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from data.errors import InputError, SettingsError
from data.fingerprints import fingerprint
from data.samples import Sample, find_samples
from pipeline.config import Config
from pipeline.evaluation.tile_choice import choose_tiles, measure_tiles
from pipeline.full_training import held_out
from pipeline.full_training.ending import Ending, Rows, ending_of
from pipeline.full_training.journal import Journal, Start, check_same, load_journal
from pipeline.full_training.precheck import check
from pipeline.full_training.run_report import REPORT, write_report
from pipeline.inference.devices import choose_device
from pipeline.inference.segmenter import Segmenter
from pipeline.model_folder import load_model, save_model
from pipeline.progress import progress
from pipeline.toml_settings import overlaid, read_table
from pipeline.training import commands, distributed, patch_extraction, recipe, run_folder
from pipeline.training.epoch_lines import duration
from pipeline.training.fold_models import unseen_weights_hash
from pipeline.training.patches import count_training_patches
from pipeline.training.photo_facts import measure
from pipeline.training.plan import SecondsLeft
from pipeline.training.recipe import Choice
from pipeline.training.speed_trial import measure_speeds
from pipeline.training.split import split_samples
from pipeline.training.time_budget import estimate, limits

log = logging.getLogger(__name__)

PARTS = ("coarse", "patches", "refiner", "tiles", "scores", "report")
"""What is done after the settings are fitted, in order."""

TITLES = {
    "coarse": "coarse network",
    "patches": "patches of the uncertain tiles",
    "refiner": "refiner",
    "tiles": "which tiles to refine",
    "scores": "scores of photos that were held out",
    "report": "report",
}


@dataclass(frozen=True)
class Request:
    """What the command is asked for."""

    data: Sequence[Path]
    run: Path
    given: dict[str, Any]
    """Settings that the user gave, table by table."""
    device: torch.device
    seconds: float | None = None
    """Limit of time."""


@dataclass(frozen=True)
class Outcome:
    """What a training came to."""

    model: Path
    report: Path
    ending: Ending


def request(
    data: Sequence[Path], run: Path, settings: Path | None, device: str, seconds: float | None
) -> Request:
    """Return the request of a command line.

    Raises:
        InputError: there is no such device, or `torchrun` has started several processes.
        SettingsError: the file of settings has an error, or does not go with a limit of time.
    """
    distributed.check_alone("train")
    given = read_table(settings) if settings else {}
    config = overlaid(Config(), given)
    commands.check_folds(config)
    if seconds is not None and config.coarse.folds:
        raise SettingsError("--time does not go with coarse.folds: set coarse.steps instead")
    return Request(data, run, given, choose_device(device), seconds)


def train(wanted: Request) -> Outcome:
    """Train on photos with masks, or go on with that, and return what came of it.

    Raises:
        InputError: there is an error in the data, or in the folder of the run, or the limit of time
            is too short.
        SettingsError: a setting is out of its range.
    """
    with run_folder.locked(wanted.run):
        return Training(wanted).finish()


class Training:
    """A training, from where it was when it was last interrupted."""

    def __init__(self, wanted: Request) -> None:
        self.wanted = wanted
        self.run = wanted.run
        self.started = time.monotonic()
        found = load_journal(self.run)
        if found is None and (self.run / "config.toml").exists():
            raise InputError(
                f"{self.run} was begun by `foveamask train-coarse`: go on with that and the "
                "commands after it, or train in another folder"
            )
        settings = overlaid(Config(), wanted.given).data
        self.samples = find_samples(
            *wanted.data, group_pattern=settings.group, object_values=settings.object
        )
        start = Start(fingerprint(self.samples), wanted.given, wanted.seconds)
        if found is not None:
            check_same(found.start, start, self.run)
            log.info("going on after: %s", ", ".join(("check", *found.done)))
        self.before = sum(found.seconds.values()) if found else 0.0
        """Seconds that the parts took that are done."""
        self.journal = found or self._begun(start)

    def finish(self) -> Outcome:
        """Do what is not done yet."""
        for i, part in enumerate(PARTS, 1):
            if part in self.journal.done:
                continue
            log.info("[%d/%d] %s", i, len(PARTS), TITLES[part])
            before = self._elapsed()
            getattr(self, f"_{part}")()
            self._save(self.journal.after(part, self._elapsed() - before))
        scores = held_out.load(self.run)
        return Outcome(self.run / "model", self.run / REPORT, ending_of(scores, self._stages()))

    def _begun(self, start: Start) -> Journal:
        """Check the data, fit the settings, and plan the time."""
        wanted = self.wanted
        check(wanted.data, wanted.given)
        with progress("measuring masks") as on_photo:
            facts = measure(self.samples, on_photo)
        first = {sample.group for sample in self.samples if sample.folder == wanted.data[0]}
        seed = overlaid(Config(), wanted.given).data.split_seed
        chosen = [
            choice
            for choice in recipe.choices(facts, first, seed)
            if not recipe.is_given(choice.name, wanted.given)
        ]
        journal = Journal(start, facts, chosen)
        config = self._config(journal)
        for choice in chosen:
            log.info("%s = %s: %s", choice.name, choice.value, choice.why)
        sides = split_samples(wanted.data, config.data)
        speeds = measure_speeds(sides[0], config, wanted.device)
        seconds = estimate(config, facts, speeds, *map(len, sides))
        if wanted.seconds is not None:
            ends = limits(wanted.seconds, self._elapsed(), seconds, speeds)
            journal = replace(journal, limits=ends)
            log.info("it will take %s", duration(wanted.seconds))
        else:
            log.info(
                "it will take about %s: %s for the coarse network, %s for the refiner",
                *map(duration, (seconds.total, seconds.coarse, seconds.refiner)),
            )
        self.run.mkdir(parents=True, exist_ok=True)
        journal = replace(journal, seconds={"check": round(self._elapsed(), 1)})
        journal.save(self.run)
        return journal

    def _coarse(self) -> None:
        ends = self.journal.limits
        left = self._until(ends.coarse, "coarse") if ends else None
        config = self._config(self.journal)
        commands.run_coarse(self.wanted.data, self.run, config, self.wanted.device, left)
        if left is not None:
            self._settle("coarse.steps", run_folder.steps_taken(self.run / "coarse"))

    def _patches(self) -> None:
        model = replace(run_folder.model_so_far(self.run), refiner=None)
        config, device = self._config(self.journal), self.wanted.device
        patch_extraction.make_patches(self.wanted.data, self.run, model, config, device)

    def _refiner(self) -> None:
        config = self._config(self.journal)
        if not (config.refiner.steps or config.refiner.epochs):
            num = count_training_patches(self.run, config, unseen_weights_hash(self.run, config))
            steps = recipe.refiner_steps(config.refiner, num)
            self._settle("refiner.steps", steps, f"for {num} patches")
        ends = self.journal.limits
        left = self._until(ends.refiner, "refiner") if ends else None
        config = self._config(self.journal)
        commands.run_refiner(self.run, config, self.wanted.device, left)
        if left is not None:
            self._settle("refiner.steps", run_folder.steps_taken(self.run / "refiner"))

    def _tiles(self) -> None:
        """Let the model refine only the tiles that gain something on the validation photos."""
        config = self._config(self.journal)
        low, high = config.tiles.low, config.tiles.high
        model = replace(load_model(self.run / "model"), budget=None, low=low, high=high)
        segmenter = Segmenter.from_model(model, self.wanted.device)
        with progress("measuring tiles") as on_photo:
            gains = measure_tiles(self._held_out(), segmenter, on_photo)
        chosen = choose_tiles(gains, low)
        if not any(recipe.is_given(f"tiles.{name}", self.wanted.given) for name in ("low", "high")):
            low, high = chosen.low, 1 - chosen.low
        log.info(
            "pixels are uncertain from %.2f to %.2f, at most %d tiles of a photo are refined, "
            "%.0f of a photo held out",
            *(low, high, chosen.budget, chosen.tiles),
        )
        save_model(replace(model, low=low, high=high, budget=chosen.budget), self.run / "model")

    def _scores(self) -> None:
        segmenter = Segmenter.load(self.run / "model", self.wanted.device.type)
        held_out.score(self.run, self._held_out(), segmenter)

    def _report(self) -> None:
        scores, stages = held_out.load(self.run), self._stages()
        segmenter = Segmenter.load(self.run / "model", self.wanted.device.type)
        write_report(self.run, self.journal, scores, stages, segmenter)

    def _stages(self) -> dict[str, Rows]:
        """Return the epochs of each stage, by its name."""
        return {TITLES[part]: run_folder.epochs(self.run / part) for part in ("coarse", "refiner")}

    def _held_out(self) -> list[Sample]:
        return split_samples(self.wanted.data, self._config(self.journal).data)[1]

    def _config(self, journal: Journal) -> Config:
        """Return the settings: those of the user, then the fitted ones, then the defaults."""
        given = self.wanted.given
        fitted = recipe.as_settings(journal.choices, given)
        return overlaid(overlaid(Config(), fitted), given)

    def _settle(self, name: str, value: int, why: str = "as many as there was time for") -> None:
        """Note the value of a setting."""
        others = [choice for choice in self.journal.choices if choice.name != name]
        self._save(replace(self.journal, choices=[*others, Choice(name, value, why)]))

    def _until(self, end: float, stage: str) -> SecondsLeft:
        """Return how many seconds a stage has left until `end`, counted from the beginning.

        What it took before it was interrupted counts.
        """
        began, before = self._elapsed(), run_folder.seconds_taken(self.run / stage)
        log.debug("%s: %.0f s so far, until %.0f s", stage, began + before, end)
        return lambda: end - before - self._elapsed()

    def _elapsed(self) -> float:
        """Return the seconds that the training has taken, with its earlier tries."""
        return self.before + time.monotonic() - self.started

    def _save(self, journal: Journal) -> None:
        self.journal = journal
        journal.save(self.run)

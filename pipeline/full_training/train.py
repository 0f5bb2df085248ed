"""The command `train`: check, both stages, the choice of tiles, scores and a report.

Each part leaves files of its own in the folder of the run, and `train.json` says which parts are
done. So the same command goes on after any interruption. Without a limit of time it ends with the
same model as if it had not been interrupted.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data.errors import InputError
from data.fingerprints import fingerprint
from data.samples import Sample, find_samples
from pipeline.checking.dataset_check import Planned
from pipeline.config import Config
from pipeline.full_training import finishing, held_out, time_plan
from pipeline.full_training.ending import Ending, ending_of
from pipeline.full_training.finishing import Trained
from pipeline.full_training.journal import Journal, Start, check_same, load_journal
from pipeline.full_training.legs import STAGES, TITLES, Leg, legs_of
from pipeline.full_training.precheck import check
from pipeline.full_training.request import Request
from pipeline.full_training.run_report import MEASURED, REPORT, report_of_run
from pipeline.progress import progress
from pipeline.reporting.observed_photos import load_entries, save_entries
from pipeline.reporting.report_folder import INDEX, report_folder
from pipeline.reporting.stage_curves import Stages
from pipeline.toml_settings import overlaid
from pipeline.training import commands, distributed, fitted_settings, patch_extraction, run_folder
from pipeline.training.epoch_lines import duration
from pipeline.training.fold_models import unseen_weights_hash
from pipeline.training.patches import count_training_patches
from pipeline.training.plan import SecondsLeft
from pipeline.training.speed_trial import measure_speeds
from pipeline.training.split import divide
from pipeline.training.time_budget import Seconds, estimate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a training came to."""

    model: Path
    report: Path
    ending: Ending


def train(wanted: Request) -> Outcome:
    """Train on photos with masks, or go on with that, and return what came of it.

    Raises:
        InputError: there is an error in the data, or in the folder of the run, or the limit of time
            is too short, or `torchrun` has started several processes.
        SettingsError: a setting is out of its range.
    """
    distributed.check_alone("train")
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
                f"{self.run} was begun by `foveamask train-coarse`; go on with that and the "
                "commands after it, or train in another folder"
            )
        self.data = overlaid(Config(), wanted.given).data
        planned = None if found else check(wanted.data, wanted.given)
        self.samples = find_samples(
            *wanted.data, group_pattern=self.data.group, object_values=self.data.object
        )
        self.groups = {s.group for s in self.samples if s.folder == wanted.data[0]}
        start = Start(fingerprint(self.samples), wanted.given, wanted.seconds, wanted.all_photos)
        self.before = 0.0
        """Seconds that the training took before it was interrupted: parts that are done, and the
        epochs of those that are not."""
        if found is not None:
            check_same(found.start, start, self.run)
            log.info("going on after: %s", ", ".join(found.seconds))
            self.journal = found
        elif planned is not None:
            self.journal = self._begun(start, planned)
        self.legs = self._legs()
        self.unfinished = {
            leg.part(stage): run_folder.seconds_taken(leg.run(self.run) / stage)
            for leg in self.legs
            for stage in ("coarse", "refiner")
            if leg.part(stage) not in self.journal.seconds
        }
        if found is not None:
            self.before = sum(found.seconds.values()) + sum(self.unfinished.values())

    def finish(self) -> Outcome:
        """Do what is not done yet."""
        for leg in self.legs:
            stages: dict[str, Callable[[Leg], None]] = {
                "coarse": self._coarse,
                "patches": self._patches,
                "refiner": self._refiner,
            }
            for stage in STAGES:
                self._do(leg.part(stage), stages[stage], leg)
        self._do("tiles", self._tiles)
        self._do("scores", self._scores)
        self._do("report", self._report)
        scores, shortage = held_out.load(self.run), time_plan.shortage_of(self.journal)
        ending = ending_of(scores, self._stages(), shortage)
        return Outcome(self.run / "model", self.run / REPORT / INDEX, ending)

    def _begun(self, start: Start, planned: Planned) -> Journal:
        """Say how settings were fitted, and plan the time."""
        chosen = planned.choices
        for choice in chosen:
            value = f"{choice.value:.3g}" if isinstance(choice.value, float) else choice.value
            log.info("%s = %s: %s", choice.name, value, choice.why)
        with progress("measuring speeds"):
            speeds = measure_speeds(planned.train, planned.config, self.wanted.device)
        self.journal = Journal(start, planned.facts, chosen, speeds)
        legs = self._legs()
        parts = [self._estimate(leg) for leg in legs]
        if self.wanted.seconds is None:
            log.info(
                "it will take about %s: %s for coarse networks, %s for refiners",
                duration(sum(part.total for part in parts)),
                duration(sum(part.coarse for part in parts)),
                duration(sum(part.refiner for part in parts)),
            )
        else:
            self._plan_time(legs[0], len(legs))
            log.info("it will take %s", duration(self.wanted.seconds))
        self._save(self.journal.after("check", self._elapsed()))
        return self.journal

    def _do(self, part: str, work: Callable[..., None], *arguments: Leg) -> None:
        """Do a part that is not done yet, and note that it is done."""
        if part in self.journal.seconds:
            return
        leg, _, stage = part.rpartition("/")
        parts = [*(leg.part(stage) for leg in self.legs for stage in STAGES), *list(TITLES)[3:]]
        number = f"[{parts.index(part) + 1}/{len(parts)}]"
        title = TITLES[stage] + (f" of {leg}" if leg else "")
        log.info("%s %s; about %s left in all", number, title, duration(self._seconds_left()))
        before = self._elapsed() - self.unfinished.get(part, 0.0)
        work(*arguments)
        self._save(self.journal.after(part, self._elapsed() - before))

    def _coarse(self, leg: Leg) -> None:
        part, run = leg.part("coarse"), leg.run(self.run)
        if self.wanted.seconds is not None and leg.name not in self.journal.limits:
            self._plan_time(leg, len(self.legs) - self.legs.index(leg))
        left = self._left(leg, "coarse")
        if left is not None:
            self._expect_steps(part, left() / self.journal.speeds.coarse_step)
        commands.run_coarse(self.wanted.data, run, self._config(leg), self.wanted.device, left)
        if left is not None:
            self._save(self.journal.with_steps(part, run_folder.steps_taken(run / "coarse")))

    def _patches(self, leg: Leg) -> None:
        run, config = leg.run(self.run), self._config(leg)
        model = replace(run_folder.model_so_far(run), refiner=None)
        patch_extraction.make_patches(self.wanted.data, run, model, config, self.wanted.device)

    def _refiner(self, leg: Leg) -> None:
        part, run, config = leg.part("refiner"), leg.run(self.run), self._config(leg)
        if not (config.refiner.steps or config.refiner.epochs):
            num = count_training_patches(run, config, unseen_weights_hash(run, config))
            steps = fitted_settings.refiner_steps(config.refiner, num)
            self._save(self.journal.with_steps(part, steps))
        left = self._left(leg, "refiner")
        if left is not None:
            self._expect_steps(part, left() / self.journal.speeds.refiner_step)
        commands.run_refiner(run, self._config(leg), self.wanted.device, left)
        if left is not None:
            self._save(self.journal.with_steps(part, run_folder.steps_taken(run / "refiner")))

    def _tiles(self) -> None:
        given = self.wanted.given
        is_given = any(fitted_settings.is_given(f"tiles.{name}", given) for name in ("low", "high"))
        finishing.choose(self._trained(), self.wanted.device, keeps_bounds=is_given)

    def _scores(self) -> None:
        trained = self._trained()
        with report_folder(self.run / REPORT) as folder:
            results, photos = finishing.score(trained, self.wanted.device, folder)
        save_entries(self.run / MEASURED, photos)
        held_out.save(self.run, results, is_all_photos=self.wanted.all_photos)
        finishing.fit_interval(self.run / "model", results)
        finishing.fit_guard(trained, self.wanted.device)

    def _report(self) -> None:
        scores, stages = held_out.load(self.run), self._stages()
        photos = load_entries(self.run / MEASURED)
        with report_folder(self.run / REPORT) as folder:
            folder.write(report_of_run(self.run, self.journal, scores, stages, photos))

    def _stages(self) -> Stages:
        """Return the epochs of each training of both networks."""
        return {
            TITLES[stage]: {
                leg.name: run_folder.epochs(leg.run(self.run) / stage) for leg in self.legs
            }
            for stage in ("coarse", "refiner")
        }

    def _trained(self) -> list[Trained]:
        """Return all trainings, the finished model last, with the photos that they held out."""
        trained = []
        for leg in self.legs:
            config = self._config(leg)
            trained.append(Trained(leg.run(self.run) / "model", config, self._sides(leg)[1]))
        return trained

    def _legs(self) -> list[Leg]:
        config = self._settings(self.journal.choices)
        return legs_of(config, self.groups, all_photos=self.wanted.all_photos)

    def _settings(self, choices: Sequence[fitted_settings.Choice]) -> Config:
        """Return the settings: those of the user, then fitted ones, then the defaults."""
        fitted = fitted_settings.as_settings(choices, self.wanted.given)
        return overlaid(overlaid(Config(), fitted), self.wanted.given)

    def _config(self, leg: Leg) -> Config:
        """Return the settings of one training."""
        config = leg.config(self._settings(self.journal.choices))
        steps = {
            stage: {"steps": self.journal.steps[leg.part(stage)]}
            for stage in ("coarse", "refiner")
            if leg.part(stage) in self.journal.steps
        }
        return overlaid(config, steps)

    def _estimate(self, leg: Leg) -> Seconds:
        """Return how long a training takes without a limit of time."""
        journal, sides = self.journal, map(len, self._sides(leg))
        return estimate(self._config(leg), journal.facts, journal.speeds, *sides)

    def _seconds_left(self) -> float:
        """Return how long all that is not done yet takes, about."""
        if self.wanted.seconds is not None:
            return max(0.0, self.wanted.seconds - self._elapsed())
        parts = time_plan.estimates_of_parts((leg, self._estimate(leg)) for leg in self.legs)
        return time_plan.seconds_left(parts, self.journal.seconds)

    def _sides(self, leg: Leg) -> tuple[list[Sample], list[Sample]]:
        """Return the photos that a training is trained on, and those that it holds out."""
        return divide(self.samples, self.wanted.data[0], self._config(leg).data)

    def _plan_time(self, leg: Leg, num_left: int) -> None:
        """Share the time that is left between the trainings that are left, of which `leg` is next.

        Raises:
            InputError: it is too little.
        """
        elapsed = self._elapsed()
        end = elapsed + ((self.wanted.seconds or 0) - elapsed) / num_left
        train, val = self._sides(leg)
        part = leg.name, self._config(leg), len(train), len(val)
        self._save(time_plan.limited(self.journal, *part, elapsed, end))

    def _left(self, leg: Leg, stage: str) -> SecondsLeft | None:
        """Return what says how many seconds a stage of a training has left, if it has a limit."""
        ends = self.journal.limits.get(leg.name)
        if ends is None:
            return None
        return lambda: float(getattr(ends, stage)) - self._elapsed()

    def _expect_steps(self, part: str, num: float) -> None:
        """Note how many steps a limit of time will leave, for the learning rate to begin with."""
        self._save(self.journal.with_steps(part, max(1, round(num))))

    def _elapsed(self) -> float:
        """Return the seconds that the training has taken, with its earlier tries."""
        return self.before + time.monotonic() - self.started

    def _save(self, journal: Journal) -> None:
        self.journal = journal
        self.run.mkdir(parents=True, exist_ok=True)
        journal.save(self.run)

"""From random weights to the models of the package, in stages.

    python -m benchmarks.recipe CARVANA MORE SMALL OUT

base     trains a coarse network on SMALL alone, from random weights (carvana-base.toml)
fold-K   trains both networks without fold K of CARVANA (carvana.toml), chooses thresholds on the
         photos of that fold, and scores them: K is 0 to 4
final    trains both networks on all cars, and gives them the thresholds of all folds together

OUT/base, OUT/fold-K, OUT/final are the runs, and OUT/weights has the models that ship. Finished
stages are kept, and an interrupted one is resumed. No network is validated on a car that it, or one
that it was initialised from, was trained on.
"""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cyclopts import App

from benchmarks.cross_validation import held_out, score_fold, scores_of, table_of_folds
from benchmarks.shipping import BASE, check_same, ship, with_cross_validation
from benchmarks.thresholds import choose, measure
from benchmarks.training_runs import made_with, train
from data.errors import InputError, SettingsError
from data.files import replacing
from pipeline.cli.arguments import Count, Device
from pipeline.cli.program import resumable, run
from pipeline.config import Config
from pipeline.evaluation import evaluate
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model, identity
from pipeline.model_folder import load_model, save_model
from pipeline.toml_settings import load_settings, overlaid, save_settings
from pipeline.training import commands

log = logging.getLogger(__name__)

FINAL = "carvana"
"""Name of the model that ships, as `BASE` is; their settings lie beside this file."""

NUM_FOLDS = 5
"""Folds that the cars are divided into."""

MIN_FOLDS = 3
"""Folds that must be finished before the model of all cars is trained: its figures are theirs."""

app = App(name="recipe", help_format="plaintext")


@dataclass(frozen=True)
class Recipe:
    """The photos and settings of all stages, and the folder that they work in."""

    sharp: tuple[Path, ...]
    """Folders of photos at full size. The cars of the first one are divided into folds."""
    small: Path
    """Folder of small photos of other cars, which train coarse networks only."""
    out: Path
    settings: dict[str, Config]
    """Settings by the name of a model, before folds are held out."""
    device: str

    @property
    def base(self) -> Path:
        """Folder of the coarse network that all other trainings are initialised from."""
        return self.out / "weights" / BASE

    @property
    def data(self) -> tuple[Path, ...]:
        """All folders of photos."""
        return (*self.sharp, self.small)

    def fold_settings(self, fold: int) -> Config:
        """Return the settings of one fold."""
        return held_out(self._from_base(), fold, NUM_FOLDS)

    def final_settings(self) -> Config:
        """Return the settings of the training on all cars."""
        return overlaid(self._from_base(), {"data": {"val_share": 0.0}})

    def fold_run(self, fold: int) -> Path:
        """Return the folder of one fold."""
        return self.out / f"fold-{fold}"

    def _from_base(self) -> Config:
        return overlaid(self.settings[FINAL], {"coarse": {"init": str(self.base)}})


@app.default
def recipe(
    folders: list[Path],
    out: Path,
    /,
    *,
    only: tuple[str, ...] = (),
    settings: Path = Path(__file__).parent,
    base: Path | None = None,
    times: Count = 1,
    device: Device = "auto",
) -> None:
    """Train the models of the package, and print a table of the finished folds.

    Args:
        folders: CARVANA, photos at full size with their masks, whose cars are divided into folds;
            any number of folders like MORE, photos at full size that are in no fold; and SMALL,
            small photos of other cars.
        out: folder to work in, the last argument.
        only: stages to run now: base, fold-0, fold-1, ..., final; by default all of them.
        settings: folder with carvana-base.toml and carvana.toml.
        base: a model that this recipe trained as its base, to be used instead of another training;
            the stage base then copies it.
        times: train each network for so many times its steps.
        device: device to compute on.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    stages = ["base", *(f"fold-{fold}" for fold in range(NUM_FOLDS)), "final"]
    unknown = [stage for stage in only if stage not in stages]
    if unknown:
        raise SettingsError(f"no stage {unknown[0]}; there are {', '.join(stages)}")
    chosen = {
        name: longer(load_settings(settings / f"{name}.toml"), times) for name in (BASE, FINAL)
    }
    if len(folders) < 2:
        raise SettingsError("name folders of photos, CARVANA MORE SMALL, then the folder OUT")
    *sharp, small = folders
    plan = Recipe(tuple(sharp), small, out, chosen, device)
    chosen_stages = list(only or stages)
    if base is not None and "base" not in chosen_stages:
        chosen_stages.insert(0, "base")
    with resumable():
        for stage in chosen_stages:
            log.info("stage %s", stage)
            if stage == "base":
                make_base(plan, base)
            elif stage == "final":
                make_final(plan)
            else:
                make_fold(plan, stages.index(stage) - 1)
    done = finished_folds(plan) if plan.base.exists() else {}
    text = table_of_folds(done)
    with replacing(out / "cross_validation.md") as file:
        file.write_text(text)
    print(text)


def longer(settings: Config, times: int) -> Config:
    """Return `settings` with trainings of `times` as many steps."""
    coarse, refiner = settings.coarse, settings.refiner
    return replace(
        settings,
        coarse=replace(coarse, steps=coarse.steps * times, epochs=coarse.epochs * times),
        refiner=replace(refiner, steps=refiner.steps * times, epochs=refiner.epochs * times),
    )


def make_base(plan: Recipe, given: Path | None = None) -> None:
    """Train the coarse network that all others are initialised from, or take a `given` one.

    Raises:
        InputError: the given one was trained otherwise.
    """
    settings, data = plan.settings[BASE], [plan.small]
    if given is not None:
        model = load_model(given)
        check_same(model, data, settings, given)
    else:
        run = plan.out / "base"
        if scores_of(run, data, settings) is None:
            run.mkdir(parents=True, exist_ok=True)
            save_settings(settings, run / "settings.toml")
            commands.train_coarse(data, run, run / "settings.toml", plan.device)
            mark_finished(run, data, settings, load_model(run / "model"))
        model = load_model(run / "model")
    ship(model, settings, plan.base)


def make_fold(plan: Recipe, fold: int) -> None:
    """Train both networks without one fold, choose thresholds on its photos, and score them."""
    settings, folder = plan.fold_settings(fold), plan.fold_run(fold)
    check_base(plan)
    if scores_of(folder, plan.data, settings) is not None:
        return
    train(plan.data, folder, settings, num_sharp=len(plan.sharp), device=plan.device)
    model = load_model(folder / "model")
    samples, _ = evaluate.choose(plan.sharp[0], Segmenter.from_model(model), "unseen")
    kept = [sample for sample in samples if sample.name not in settings.data.exclude]
    points = measure(model, kept, plan.device)
    choice = choose(points)
    save_model(choice.applied(model), folder / "model")
    more = {"thresholds": asdict(choice), "points": [asdict(point) for point in points]}
    score_fold(plan.data, folder, settings, device=plan.device, more=more)


def make_final(plan: Recipe) -> None:
    """Train both networks on all cars, and write the model that ships.

    Raises:
        InputError: too few folds are finished.
    """
    check_base(plan)
    folds = finished_folds(plan)
    if len(folds) < MIN_FOLDS:
        raise InputError(
            f"{len(folds)} folds are finished, and the figures and thresholds of the model of all "
            f"cars need {MIN_FOLDS}; run more stages, such as --only fold-{len(folds)}"
        )
    settings, folder = plan.final_settings(), plan.out / "final"
    if scores_of(folder, plan.data, settings) is None:
        train(plan.data, folder, settings, num_sharp=len(plan.sharp), device=plan.device)
        mark_finished(folder, plan.data, settings, load_model(folder / "model"))
    model = with_cross_validation(load_model(folder / "model"), folds)
    ship(model, settings, plan.out / "weights" / FINAL)


def finished_folds(plan: Recipe) -> dict[int, dict[str, Any]]:
    """Return the scores of all finished folds.

    Raises:
        InputError: some are of other photos or settings.
    """
    found = {
        fold: scores_of(plan.fold_run(fold), plan.data, plan.fold_settings(fold))
        for fold in range(NUM_FOLDS)
    }
    return {fold: scores for fold, scores in found.items() if scores is not None}


def check_base(plan: Recipe) -> None:
    """Raise if there is no base to initialise from.

    Raises:
        InputError: there is none.
    """
    if not (plan.base / "model.json").exists():
        raise InputError(f"there is no {plan.base} yet; run the stage base first (--only base)")


def mark_finished(folder: Path, data: Sequence[Path], settings: Config, model: Model) -> None:
    """Note that the run in `folder` is finished, with its scores."""
    scores = {"model": identity(model), "made_with": made_with(data, settings)}
    with replacing(folder / "scores.json") as file:
        file.write_text(json.dumps(scores | model.validation_scores, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(run(app))

"""From random weights to the models of the package, in stages.

    python -m benchmarks.recipe CARVANA MORE SMALL OUT

base         trains a coarse network on SMALL alone, from random weights (carvana-base.toml)
fold-K       trains both networks without fold K of CARVANA (carvana.toml), chooses thresholds on
             the photos of that fold, and scores them: K is 0 to 4
round-K      trains a coarse network on all cars, from that of base or of the round before
             (carvana-rounds.toml): K is 1 to 3
final        trains a refiner on all cars for it, and takes the thresholds of all folds together
fold-K-fast  trains another refiner on the coarse network and the patches of fold-K
final-fast   and on those of final (carvana-fast.toml)

OUT/base, OUT/fold-K, ... are the runs, and OUT/weights has the models that ship. Finished stages
are kept, and an interrupted one is resumed. No network is validated on a car that it, or one that
it was initialised from, was trained on.
"""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from cyclopts import App

from benchmarks.cross_validation import score_fold, scores_of, table_of_folds
from benchmarks.recipe_plan import (
    FAST,
    FINAL,
    FINALS,
    FOLDS,
    ROUNDS,
    STAGES,
    SUFFIXES,
    Recipe,
    fold_stage,
    read_all,
)
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
from pipeline.toml_settings import save_settings
from pipeline.training import commands
from pipeline.training.patches import PATCHES

log = logging.getLogger(__name__)

MIN_FOLDS = 3
"""Folds that must be finished before the model of all cars is trained: its figures are theirs."""

app = App(name="recipe", help_format="plaintext")


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
    """Train the models of the package, and print tables of the finished folds.

    Args:
        folders: CARVANA, photos at full size with their masks, whose cars are divided into folds;
            any number of folders like MORE, photos at full size that are in no fold; and SMALL,
            small photos of other cars.
        out: folder to work in, the last argument.
        only: stages to run now: base, fold-0, ..., round-1, ..., final, fold-0-fast, ...,
            final-fast; by default all of them.
        settings: folder with carvana-base.toml, carvana.toml, carvana-rounds.toml and
            carvana-fast.toml.
        base: a model that this recipe trained as its base, to be used instead of another training;
            the stage base then copies it.
        times: train each network for so many times its steps.
        device: device to compute on.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    unknown = [stage for stage in only if stage not in STAGES]
    if unknown:
        raise SettingsError(f"no stage {unknown[0]}; there are {', '.join(STAGES)}")
    if len(folders) < 2:
        raise SettingsError("name folders of photos, CARVANA MORE SMALL, then the folder OUT")
    *sharp, small = folders
    plan = Recipe(tuple(sharp), small, out, read_all(settings, times), device)
    chosen_stages = list(only or STAGES)
    if base is not None and "base" not in chosen_stages:
        chosen_stages.insert(0, "base")
    with resumable():
        for stage in chosen_stages:
            log.info("stage %s", stage)
            if stage == "base":
                make_base(plan, base)
            elif stage in ROUNDS:
                make_round(plan, ROUNDS[stage])
            elif stage in FINALS:
                make_final(plan, FINALS[stage])
            else:
                make_fold(plan, *FOLDS[stage])
    print_tables(plan)


def print_tables(plan: Recipe) -> None:
    """Print a table of the finished folds of each model, and write it in OUT."""
    for name, suffix in SUFFIXES.items():
        done = plan.finished_folds(name) if plan.base.exists() else {}
        if not done and name != FINAL:
            continue
        text = table_of_folds(done)
        with replacing(plan.out / f"cross_validation{suffix}.md") as file:
            file.write_text(text)
        print(text)


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
        train_coarse_alone(data, run, settings, plan.device)
        model = load_model(run / "model")
    ship(model, settings, plan.base)


def make_fold(plan: Recipe, name: str, fold: int) -> None:
    """Train a model without one fold, choose thresholds on its photos, and score them."""
    settings, folder = plan.fold_settings(fold, name), plan.fold_run(fold, name)
    check_model(plan.base, "base")
    if scores_of(folder, plan.data, settings) is not None:
        return
    if name == FAST:
        train_beside(plan, plan.fold_run(fold), folder, settings)
    else:
        train(plan.data, folder, settings, num_sharp=len(plan.sharp), device=plan.device)
    model = load_model(folder / "model")
    samples, _ = evaluate.choose(plan.sharp[0], Segmenter.from_model(model), "unseen")
    kept = [sample for sample in samples if sample.name not in settings.data.exclude]
    points = measure(model, kept, plan.device)
    choice = choose(points)
    save_model(choice.applied(model), folder / "model")
    more = {"thresholds": asdict(choice), "points": [asdict(point) for point in points]}
    score_fold(plan.data, folder, settings, device=plan.device, more=more)


def make_round(plan: Recipe, number: int) -> None:
    """Train the coarse network of the final models on all cars, from where the round before ended.

    Raises:
        InputError: that one is not finished.
    """
    settings, folder = plan.round_settings(number), plan.round_run(number)
    check_model(Path(settings.coarse.init), f"round-{number - 1}" if number > 1 else "base")
    train_coarse_alone(plan.data, folder, settings, plan.device)


def train_coarse_alone(data: Sequence[Path], folder: Path, settings: Config, device: str) -> None:
    """Train a coarse network in `folder`, unless that is done."""
    if scores_of(folder, data, settings) is not None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    save_settings(settings, folder / "settings.toml")
    commands.train_coarse(data, folder, folder / "settings.toml", device)
    mark_finished(folder, data, settings, load_model(folder / "model"))


def make_final(plan: Recipe, name: str) -> None:
    """Train a refiner on all cars, after the last round, and write the model as it ships.

    Raises:
        InputError: the rounds, or too few folds, are finished.
    """
    coarse = plan.round_run(len(ROUNDS)) / "model"
    check_model(coarse, f"round-{len(ROUNDS)}")
    folds = plan.finished_folds(name)
    if len(folds) < MIN_FOLDS:
        raise InputError(
            f"{len(folds)} folds are finished, and the figures and thresholds of the model of all "
            f"cars need {MIN_FOLDS}; run more stages, such as --only {fold_stage(len(folds), name)}"
        )
    settings, folder = plan.all_cars(name, coarse), plan.final_run(name)
    if scores_of(folder, plan.data, settings) is None:
        if name == FAST:
            train_beside(plan, plan.final_run(), folder, settings)
        else:
            train(
                plan.data,
                folder,
                settings,
                coarse=coarse,
                num_sharp=len(plan.sharp),
                device=plan.device,
            )
        mark_finished(folder, plan.data, settings, load_model(folder / "model"))
    model = with_cross_validation(load_model(folder / "model"), folds)
    model = replace(model, provenance=model.provenance | {"rounds": len(ROUNDS)})
    ship(model, plan.all_cars(name, BASE), plan.out / "weights" / name)


def train_beside(plan: Recipe, first: Path, folder: Path, settings: Config) -> None:
    """Train another refiner in `folder`, on the coarse network and the patches of `first`.

    Raises:
        InputError: `first` has no patches.
    """
    patches = first / PATCHES
    if not patches.exists():
        raise InputError(f"{first} has no patches to train on yet; run --only {first.name} first")
    train(plan.data, folder, settings, coarse=first / "model", patches=patches, device=plan.device)


def check_model(folder: Path, stage: str) -> None:
    """Raise if there is no model to begin with in a folder.

    Raises:
        InputError: there is none.
    """
    if not (folder / "model.json").exists():
        raise InputError(f"there is no {folder} yet; run the stage {stage} first (--only {stage})")


def mark_finished(folder: Path, data: Sequence[Path], settings: Config, model: Model) -> None:
    """Note that the run in `folder` is finished, with its scores."""
    scores = {"model": identity(model), "made_with": made_with(data, settings)}
    with replacing(folder / "scores.json") as file:
        file.write_text(json.dumps(scores | model.validation_scores, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(run(app))

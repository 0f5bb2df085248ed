"""What each stage of the recipe trains on, with which settings, and in which folder."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.cross_validation import held_out, scores_of
from benchmarks.shipping import BASE
from pipeline.config import Config
from pipeline.toml_settings import load_settings, overlaid, read_table

FINAL = "carvana"
"""Name of the model that ships, as `BASE` is; their settings lie beside this file."""

FAST = "carvana-fast"
"""Name of its faster relative: the same coarse network, with another refiner."""

NUM_FOLDS = 5
"""Folds that the cars are divided into."""

SUFFIXES = {FINAL: "", FAST: "-fast"}
"""Endings of a model's stages and their folders."""

ROUND_SETTINGS = "carvana-rounds"
"""Name of the file of what the rounds of `ROUNDS` have otherwise than `FINAL`."""

ROUNDS = {f"round-{number}": number for number in (1, 2, 3)}
"""Number of each stage that trains the coarse network of the final models, one after the other."""


def fold_stage(fold: int, model: str = FINAL) -> str:
    """Return the name of the stage, and of its folder, that holds a fold out of a model."""
    return f"fold-{fold}{SUFFIXES[model]}"


def final_stage(model: str = FINAL) -> str:
    """Return the name of the stage, and of its folder, that trains a model on all cars."""
    return f"final{SUFFIXES[model]}"


FOLDS = {fold_stage(fold, name): (name, fold) for name in SUFFIXES for fold in range(NUM_FOLDS)}
"""Model and fold of each stage that holds one out."""

FINALS = {final_stage(name): name for name in SUFFIXES}
"""Model of each stage that trains on all cars."""

STAGES = (
    "base",
    *map(fold_stage, range(NUM_FOLDS)),
    *ROUNDS,
    final_stage(),
    *(fold_stage(fold, FAST) for fold in range(NUM_FOLDS)),
    final_stage(FAST),
)
"""All stages, in an order in which they can run."""


@dataclass(frozen=True)
class Recipe:
    """The photos and settings of all stages, and the folder that they work in."""

    sharp: tuple[Path, ...]
    """Folders of photos at full size. The cars of the first one are divided into folds."""
    small: Path
    """Folder of small photos of other cars, which train coarse networks only."""
    out: Path
    settings: dict[str, Config]
    """Settings by the names of their files, before folds are held out."""
    device: str

    @property
    def base(self) -> Path:
        """Folder of the coarse network that all other trainings are initialised from."""
        return self.out / "weights" / BASE

    @property
    def data(self) -> tuple[Path, ...]:
        """All folders of photos."""
        return (*self.sharp, self.small)

    def fold_settings(self, fold: int, model: str = FINAL) -> Config:
        """Return the settings of one fold of a model."""
        first = overlaid(self.settings[model], {"coarse": {"init": str(self.base)}})
        return held_out(first, fold, NUM_FOLDS)

    def round_settings(self, number: int) -> Config:
        """Return the settings of a round of the coarse network on all cars."""
        before = self.round_run(number - 1) / "model" if number > 1 else self.base
        return self.all_cars(FINAL, before)

    def all_cars(self, model: str, init: Path | str) -> Config:
        """Return the settings of a training on all cars that begins with the model `init`."""
        rounds = replace(self.settings[model], coarse=self.settings[ROUND_SETTINGS].coarse)
        return overlaid(rounds, {"data": {"val_share": 0.0}, "coarse": {"init": str(init)}})

    def fold_run(self, fold: int, model: str = FINAL) -> Path:
        """Return the folder of one fold of a model."""
        return self.out / fold_stage(fold, model)

    def round_run(self, number: int) -> Path:
        """Return the folder of a round of the coarse network on all cars."""
        return self.out / f"round-{number}"

    def final_run(self, model: str = FINAL) -> Path:
        """Return the folder of the training on all cars."""
        return self.out / final_stage(model)

    def finished_folds(self, model: str = FINAL) -> dict[int, dict[str, Any]]:
        """Return the scores of all finished folds of a model.

        Raises:
            InputError: some are of other photos or settings.
        """
        found = {
            fold: scores_of(self.fold_run(fold, model), self.data, self.fold_settings(fold, model))
            for fold in range(NUM_FOLDS)
        }
        return {fold: scores for fold, scores in found.items() if scores is not None}


def read_all(folder: Path, times: int) -> dict[str, Config]:
    """Return all settings from the files in `folder`, `times` as many steps long.

    Those of `FAST` and of the rounds are what their files change in those of `FINAL`.

    Raises:
        SettingsError: there is an error in a file.
    """
    found = {name: load_settings(folder / f"{name}.toml") for name in (BASE, FINAL)}
    for name in (FAST, ROUND_SETTINGS):
        found[name] = overlaid(found[FINAL], read_table(folder / f"{name}.toml"))
    return {name: longer(settings, times) for name, settings in found.items()}


def longer(settings: Config, times: int) -> Config:
    """Return `settings` with trainings of `times` as many steps."""
    coarse, refiner = settings.coarse, settings.refiner
    return replace(
        settings,
        coarse=replace(coarse, steps=coarse.steps * times, epochs=coarse.epochs * times),
        refiner=replace(refiner, steps=refiner.steps * times, epochs=refiner.epochs * times),
    )

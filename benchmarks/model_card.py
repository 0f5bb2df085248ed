"""The card of a model that was trained on the Carvana photos, from what the model itself says.

python -m benchmarks.model_card carvana > README.md
"""

import sys
from collections.abc import Mapping
from typing import Any

from cyclopts import App

from benchmarks.cross_validation import table_of_folds
from pipeline.cli.program import answer, run
from pipeline.evaluation.cost import num_parameters
from pipeline.model import Model, identity
from pipeline.model_folder import find_model, load_model

app = App(name="model_card", help_format="plaintext")

COARSE_ONLY = """A coarse network without a refiner, to initialise trainings from, by
`coarse.init = "{name}"`. It was trained on none of the cars whose photos are at full size, so any
of them may be in a validation set. For masks, use `carvana`.
"""

MASKS = """Masks of cars in a light studio on a turntable, from photos of about 1918 x 1280
pixels.
"""

RECIPE = """CARVANA and MORE are folders of cars at full size, SMALL is a folder of other cars
resized to 512 x 512. From the root of the repository, from random weights:

```sh
python -m benchmarks.recipe CARVANA MORE SMALL OUT{only}
```
"""

FIGURES = """The model was trained on all cars, so none are left to score it on. These are the
scores of the same recipe, each fold by networks that were trained on none of its cars:

{table}
Each fold chose its own thresholds on its photos, as the model did on those of all folds. Photos
whose masks are known to be wrong are not scored.{rounds}{budget}
"""

ROUNDS = (
    " Their coarse networks were trained in one round of more epochs, that of the model in"
    " {rounds}."
)

BUDGET = " `--budget {budget}` costs no more than 0.00002 of this Dice."

DATA = """Photos with masks of the [Carvana Image Masking
Challenge](https://www.kaggle.com/c/carvana-image-masking-challenge) (2017). Photos whose masks
are known to be wrong were left out (`settings.toml` names them). No photo or mask is part of
this package.

The photos belong to Carvana and are under the rules of that challenge, which each participant
accepts on Kaggle. No other licence for them is known. It is not settled whether these rules
also bind weights that were trained on the photos. The weights are provided for study and for
trying the software. For commercial use, read the challenge's rules, or train a model on your
own photos, which takes three commands.
"""

LIMITS = """* It was trained on cars in one studio. Other objects, outdoor photos and other
  backgrounds need training.
* Most errors are at shadows as dark as a tyre, at antennas, and in gaps (between spokes, under
  mirrors and roof rails).
* The masks of the training set include the windows, and are off by a pixel in places.
"""


@app.default
def print_card(model: str, /) -> None:
    """Print the card of a model.

    Args:
        model: name or folder of the model.
    """
    answer(card(load_model(model), find_model(model).name).rstrip())


def card(model: Model, name: str) -> str:
    """Return the card of `model`, in Markdown."""
    parts = [f"# Model card: `{name}`\n", MASKS if model.refiner else COARSE_ONLY.format(name=name)]
    parts.append(facts(model))
    parts.append("## Commands\n")
    parts.append(RECIPE.format(only="" if model.refiner else " --only base"))
    parts.append("## Figures\n")
    parts.append(figures(model))
    parts += ["## Data and terms\n", DATA, "## Limits\n", LIMITS]
    return "\n".join(parts)


def facts(model: Model) -> str:
    """Return what the model is and what it was trained on, as a table."""
    origin, versions = model.provenance, model.provenance.get("versions", {})
    width, height = 1920 // model.coarse.stride, 1280 // model.coarse.stride
    rows = {
        "model": f"`{identity(model)[:16]}`, a hash of all that decides which masks it makes",
        "coarse network": f"{type(model.coarse).__name__}, one class, "
        f"{num_parameters(model.coarse):,} parameters, sees the photo at {width} x {height}",
    }
    if model.refiner:
        rows["refiner"] = (
            f"plain 3 x 3 convolutions, {num_parameters(model.refiner):,} parameters, "
            f"{model.fovea.tile}-pixel tiles, {model.fovea.levels} levels"
        )
        rows["uncertain pixels"] = f"of a probability from {model.low:g} to {model.high:g}"
    rows["training set"] = f"{origin['photos']} photos of {len(model.seen)} cars"
    num_val = origin.get("validation_photos", 0)
    rows["validation set"] = (
        f"{num_val} photos of {len(origin['validation_groups'])} cars, named in `model.json`"
        if num_val
        else "none: it was trained on all cars"
    )
    if "rounds" in origin:
        rows["rounds"] = (
            f"{origin['rounds']} of the coarse network, each with these settings, and from where "
            "the one before ended"
        )
    rows["settings"] = "`settings.toml` beside this file"
    rows["trained with"] = ", ".join(f"{key} {value}" for key, value in versions.items())
    return "".join(["| | |\n|---|---|\n", *(f"| {key} | {text} |\n" for key, text in rows.items())])


def figures(model: Model) -> str:
    """Return the scores of the model: cross-validated ones, or those of its validation set."""
    folds: Mapping[str, Any] = model.scores.get("cross_validation", {})
    if folds:
        budget = model.scores["thresholds"]["budget"]
        return FIGURES.format(
            table=table_of_folds({int(fold): scores for fold, scores in folds.items()}),
            rounds=ROUNDS.format(rounds=rounds)
            if (rounds := model.provenance.get("rounds"))
            else "",
            budget=BUDGET.format(budget=budget) if budget else "",
        )
    names = {"coarse_grid_dice": "on the coarse grid", "refined_dice": "of whole photos, refined"}
    known = [
        f"Dice {model.validation_scores[key]:.5f} {text}"
        for key, text in names.items()
        if key in model.validation_scores
    ]
    return f"On the validation set: {', '.join(known) or 'not scored'}.\n"


if __name__ == "__main__":
    sys.exit(run(app))

"""A recipe scored on every group, each by networks that were not trained on it.

    python -m benchmarks.cross_validation CARVANA MORE OUT --config settings.toml

trains both stages for each fold, in the run folder `OUT/<fold>`, and ends with a table. Finished
folds are kept: with `--only`, folds can be trained in any order, or side by side.
"""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any

from cyclopts import App, Parameter, validators

from benchmarks.markdown import number, table
from benchmarks.training_runs import made_with, read_scores, train, training_seconds
from data.errors import SettingsError
from data.files import replacing
from data.images import read_size
from pipeline.cli.program import run
from pipeline.config import Config
from pipeline.evaluation import evaluate
from pipeline.evaluation.cost import photo_cost
from pipeline.evaluation.scores import summarize
from pipeline.inference.segmenter import Segmenter
from pipeline.model import identity
from pipeline.toml_settings import load_settings, overlaid

app = App(name="cross_validation", help_format="plaintext")


@app.default
def cross_validation(
    data: list[Path],
    out: Path,
    /,
    *,
    base: Annotated[Path | None, Parameter(name="--config")] = None,
    folds: Annotated[int, Parameter(validator=validators.Number(gte=2))] = 5,
    only: tuple[int, ...] = (),
) -> None:
    """Train and score a recipe fold by fold, and print a table of the finished folds.

    Args:
        data: folders of photos with masks. Validation groups and patches come from the first;
            the others train stage one only.
        out: folder to work in, the last argument.
        base: settings of all folds.
        folds: how many folds the groups are split into.
        only: folds to train now, numbered from 0; by default all of them.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if any(fold not in range(folds) for fold in only):
        raise SettingsError(f"--only takes folds from 0 to {folds - 1}")
    shared = load_settings(base) if base is not None else Config()
    recipes = {fold: held_out(shared, fold, folds) for fold in range(folds)}
    for fold in only or recipes:
        if scores_of(out / str(fold), data, recipes[fold]) is None:
            run_fold(data, out / str(fold), recipes[fold])
    done = {fold: scores_of(out / str(fold), data, recipe) for fold, recipe in recipes.items()}
    text = table_of_folds({fold: scores for fold, scores in done.items() if scores is not None})
    with replacing(out / "cross_validation.md") as file:
        file.write_text(text)
    print(text)


def held_out(shared: Config, fold: int, folds: int) -> Config:
    """Return `shared` with fold `fold` of `folds` as validation set."""
    part = {"val_share": 1 / folds, "val_start": fold / folds}
    return overlaid(shared, {"data": part})


def scores_of(run: Path, data: Sequence[Path], settings: Config) -> dict[str, Any] | None:
    """Return the scores of a finished fold, or None if it is not finished.

    Raises:
        InputError: they are of other photos or settings.
    """
    if not (run / "scores.json").exists():  # hashing the photos takes a while
        return None
    return read_scores(run, made_with(data, settings), "photos or settings")


def run_fold(data: Sequence[Path], run: Path, settings: Config) -> None:
    """Train both stages in the folder `run`, score them, and write the scores."""
    train(data, run, settings)
    score_fold(data, run, settings)


def score_fold(
    data: Sequence[Path],
    run: Path,
    settings: Config,
    *,
    device: str = "auto",
    more: Mapping[str, Any] | None = None,
) -> None:
    """Score the model of the fold in `run`, and write the scores, with what is in `more`.

    Photos that the settings exclude, because their masks are wrong, are not scored either.
    """
    segmenter = Segmenter.load(run / "model", device)
    _, photos = evaluate.evaluate(data[0], segmenter)
    evaluate.write_score_table(run / "photos.csv", photos)
    scored = [photo for photo in photos if photo.name not in settings.data.exclude]
    samples, num_seen = evaluate.choose(data[0], segmenter, "unseen")
    num_tiles = fmean(photo.tiles for photo in scored)
    gmac = photo_cost(segmenter.model, read_size(samples[0].photo), "refined", num_tiles)
    scores = summarize(scored, num_seen, gmac).to_json() | {
        "groups": len({sample.group for sample in samples}),
        "model": identity(segmenter.model),
        "made_with": made_with(data, settings),
        "training_seconds": training_seconds(run),
        **(more or {}),
    }
    with replacing(run / "scores.json") as file:
        file.write_text(json.dumps(scores, indent=2))


def table_of_folds(folds: Mapping[int, Mapping[str, Any]]) -> str:
    """Return a table in Markdown: a row for each fold, then mean and standard deviation."""
    columns: dict[str, tuple[str, list[Any]]] = {
        "groups": ("d", [fold["groups"] for fold in folds.values()]),
        "photos": ("d", [fold["photos"] for fold in folds.values()]),
        "coarse": (".5f", [fold["coarse"]["dice"] for fold in folds.values()]),
        "refined": (".5f", [fold["refined"]["dice"] for fold in folds.values()]),
        "boundary error, px": (
            ".2f",
            [fold["refined"]["boundary_error_px"] for fold in folds.values()],
        ),
        "tiles": (".0f", [fold["tiles"] for fold in folds.values()]),
        "GMac": (".2f", [fold["gmac"]["refined"] for fold in folds.values()]),
    }
    rows = [
        [str(fold), *(number(values[i], form) for form, values in columns.values())]
        for i, fold in enumerate(folds)
    ]
    if len(folds) > 1:
        spreads = ["" if form == "d" else spread(values, form) for form, values in columns.values()]
        rows.append(["mean ± deviation", *spreads])
    return table(["fold", *columns], rows)


def spread(values: Sequence[float | None], form: str) -> str:
    """Return mean and standard deviation, each in the format `form`; a dash for fewer than two.

    None, the boundary error of masks without a contour, is left out.
    """
    known = [value for value in values if value is not None]
    return f"{fmean(known):{form}} ± {stdev(known):{form}}" if len(known) > 1 else "-"


if __name__ == "__main__":
    sys.exit(run(app))

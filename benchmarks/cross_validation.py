"""A recipe scored on every group, each by networks that have not seen it.

    python -m benchmarks.cross_validation CARVANA MORE OUT --config settings.toml

trains both stages once a fold, `OUT/<fold>` being a run like any other, and ends with a table. What
is done stays done: with `--only` folds can be trained in any order, or side by side.
"""

import hashlib
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any

from cyclopts import App, Parameter, validators

from data.errors import InputError, SettingsError
from data.files import replacing
from data.samples import fingerprint
from pipeline.cli import run
from pipeline.config import Config
from pipeline.evaluation import evaluate
from pipeline.inference.segmenter import Segmenter
from pipeline.toml_settings import load_settings, overlaid, save_settings
from pipeline.training import commands
from pipeline.training.coarse_training import origin
from pipeline.training.split import split_samples

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
    """Train and score a recipe fold by fold, and print a table of the folds that are done.

    Args:
        data: folders of photos with masks. Groups are held out of the first, of which the patches
            are cut; of the others only stage one learns.
        out: folder to work in, the last argument.
        base: settings of all folds.
        folds: how many parts the groups fall into.
        only: folds to train now, from 0; by default all of them.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if any(fold not in range(folds) for fold in only):
        raise SettingsError(f"--only takes folds from 0 to {folds - 1}")
    shared = load_settings(base) if base is not None else Config()
    recipes = {fold: held_out(shared, fold, folds) for fold in range(folds)}
    for fold in only or recipes:
        if scores_of(out, fold, data, recipes[fold]) is None:
            run_fold(data, out / str(fold), recipes[fold])
    done = {fold: scores_of(out, fold, data, recipe) for fold, recipe in recipes.items()}
    text = table({fold: scores for fold, scores in done.items() if scores is not None})
    with replacing(out / "cross_validation.md") as file:
        file.write_text(text)
    print(text)


def held_out(shared: Config, fold: int, folds: int) -> Config:
    """Return the settings that hold out part `fold` of `folds`."""
    part = {"val_share": 1 / folds, "val_start": fold / folds}
    return overlaid(shared, {"data": part})


def scores_of(
    out: Path, fold: int, data: Sequence[Path], settings: Config
) -> dict[str, Any] | None:
    """Return the scores of a fold that is done, None of another.

    Raises:
        InputError: they are of other photos or settings.
    """
    path = out / str(fold) / "scores.json"
    if not path.exists():
        return None
    scores: dict[str, Any] = json.loads(path.read_text())
    if scores["made_with"] != made_with(data, settings):
        raise InputError(f"{path} is of other photos or settings; name another folder")
    return scores


def made_with(data: Sequence[Path], settings: Config) -> str:
    """Return a hash of the photos and settings of a fold."""
    train, val = (fingerprint(samples) for samples in split_samples(data, settings.data))
    text = json.dumps([asdict(settings), origin(settings, train, val)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def run_fold(data: Sequence[Path], run: Path, settings: Config) -> None:
    """Train both stages in the folder `run`, score them, and write what they reach.

    Photos that the settings exclude, because their masks are wrong, are not scored either.
    """
    run.mkdir(parents=True, exist_ok=True)
    path = run / "settings.toml"
    save_settings(settings, path)
    commands.train_coarse(data, run, path, "auto")
    commands.make_patches(data[:1], run, path, "auto")
    commands.train_refiner(run, path, "auto")
    segmenter = Segmenter.load(run / "model")
    _, photos = evaluate.evaluate(data[0], segmenter)
    evaluate.write_score_table(run / "photos.csv", photos)
    right = [photo for photo in photos if photo.name not in settings.data.exclude]
    samples, num_seen = evaluate.choose(data[0], segmenter, "unseen")
    cost = evaluate.gmac(segmenter, samples[0].photo, "refined", [photo.tiles for photo in right])
    groups = {sample.group for sample in samples}
    told = {"groups": len(groups), "gmac": cost, "made_with": made_with(data, settings)}
    with replacing(run / "scores.json") as file:
        file.write_text(json.dumps(evaluate.summary(right, num_seen) | told, indent=2))


def table(folds: Mapping[int, Mapping[str, Any]]) -> str:
    """Return a table in Markdown: a row a fold, then mean and standard deviation over folds."""
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
    lines = [f"| fold | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for i, fold in enumerate(folds):
        cells = [cell(values[i], how) for how, values in columns.values()]
        lines.append(f"| {fold} | {' | '.join(cells)} |")
    if len(folds) > 1:
        spreads = ["" if how == "d" else spread(values, how) for how, values in columns.values()]
        lines.append(f"| mean ± deviation | {' | '.join(spreads)} |")
    return "\n".join(lines) + "\n"


def cell(value: float | None, how: str) -> str:
    """Return `value` as the format `how` has it; a dash where masks without a contour have none."""
    return "-" if value is None else f"{value:{how}}"


def spread(values: Sequence[float | None], how: str) -> str:
    """Return mean and standard deviation of the values that there are, two at least, or a dash."""
    known = [value for value in values if value is not None]
    return f"{fmean(known):{how}} ± {stdev(known):{how}}" if len(known) > 1 else "-"


if __name__ == "__main__":
    sys.exit(run(app))

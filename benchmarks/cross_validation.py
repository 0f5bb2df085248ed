"""A recipe scored on every group, each by networks that have not seen it.

    python -m benchmarks.cross_validation CARVANA MORE OUT --config settings.toml

trains both stages once a fold, `OUT/<fold>` being a run like any other, and ends with a table. What
is done stays done: with `--only` folds can be trained in any order, or side by side.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any

import tomli_w
from cyclopts import App, Parameter

from data.files import replacing
from pipeline import config, evaluate, stages
from pipeline.config import Config
from pipeline.segmenter import Segmenter

app = App(name="cross_validation", help_format="plaintext")


@app.default
def cross_validation(
    data: list[Path],
    out: Path,
    /,
    *,
    base: Annotated[Path | None, Parameter(name="--config")] = None,
    folds: int = 5,
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
    shared = config.load(base) if base is not None else Config()
    for fold in only or range(folds):
        if not scores_path(out, fold).exists():
            run_fold(data, out / str(fold), held_out(shared, fold, folds))
    done = [fold for fold in range(folds) if scores_path(out, fold).exists()]
    text = table([json.loads(scores_path(out, fold).read_text()) for fold in done])
    (out / "cross_validation.md").write_text(text)
    print(text)


def held_out(shared: Config, fold: int, folds: int) -> Config:
    """Return the settings that hold out part `fold` of `folds`."""
    part = replace(shared.data, validation=1 / folds, validation_start=fold / folds)
    return replace(shared, data=part)


def scores_path(out: Path, fold: int) -> Path:
    """Return where the scores of a finished fold are."""
    return out / str(fold) / "scores.json"


def run_fold(data: Sequence[Path], run: Path, settings: Config) -> None:
    """Train both stages in the folder `run`, score them, and write what they reach.

    Photos that the settings exclude, because their masks are wrong, are not scored either.
    """
    run.mkdir(parents=True, exist_ok=True)
    path = run / "settings.toml"
    path.write_text(tomli_w.dumps(asdict(settings)))
    stages.train_coarse(data, run, path, "auto")
    stages.make_patches(data[:1], run, path, "auto")
    stages.train_refiner(run, path, "auto")
    segmenter = Segmenter.load(run / "model")
    scores, photos = evaluate.evaluate(data[0], segmenter, stage=None, budget=None, split="unseen")
    evaluate.write_table(run / "photos.csv", photos)
    right = [photo for photo in photos if photo.name not in settings.data.exclude]
    result = evaluate.summary(right, 0) | {
        "gmac": scores["gmac"],
        "groups": len(segmenter.model.provenance["validation_groups"]),
    }
    with replacing(run / "scores.json") as file:
        file.write_text(json.dumps(result, indent=2))


def table(folds: Sequence[dict[str, Any]]) -> str:
    """Return a table in Markdown: a row a fold, then mean and standard deviation over folds."""
    columns = {
        "groups": [fold["groups"] for fold in folds],
        "photos": [fold["photos"] for fold in folds],
        "coarse": [fold["coarse"]["dice"] for fold in folds],
        "refined": [fold["refined"]["dice"] for fold in folds],
        "boundary error, px": [fold["refined"]["boundary_error_px"] for fold in folds],
        "tiles": [fold["tiles"] for fold in folds],
        "GMac": [fold["gmac"]["refined"] for fold in folds],
    }
    formats = ("d", "d", ".5f", ".5f", ".2f", ".0f", ".2f")
    lines = [f"| fold | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for i, row in enumerate(zip(*columns.values(), strict=True)):
        cells = [f"{value:{how}}" for value, how in zip(row, formats, strict=True)]
        lines.append(f"| {i} | {' | '.join(cells)} |")
    if len(folds) > 1:
        values = list(zip(columns.values(), formats, strict=True))[2:]
        cells = [f"{fmean(v):{how}} ± {stdev(v):{how}}" for v, how in values]
        lines.append(f"| mean ± deviation | | | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    app()

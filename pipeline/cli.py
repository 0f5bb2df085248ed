"""The commands: results on stdout, progress on stderr; heavy modules are imported inside them."""

import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from PIL import Image

from data.tables import prepare_table, reserved
from pipeline.arguments import (
    DEFAULTS,
    Angles,
    Count,
    Device,
    HeightWidth,
    MaskArguments,
    Seed,
    Settings,
    check_training_paths,
    parse_tile,
)
from pipeline.convert import convert
from pipeline.output_arguments import DEFAULT_OUTPUTS, OutputArguments
from pipeline.program import RESUME_OVERWRITING, answer, report, resumable, run, set_up_logging

app = App(
    name="foveamask",
    help="Pixel-accurate masks of large photos from small networks. --debug shows tracebacks.",
    help_format="plaintext",
    version=lambda: version("foveamask"),
    suppress_keyboard_interrupt=False,  # cyclopts would end the process without a message
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    # Pillow would refuse photos within the limit of `data.images`. The setting is process-wide.
    Image.MAX_IMAGE_PIXELS = None
    set_up_logging()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names on disk need not be text
    return run(app, arguments)


@app.command
def demo_data(out: Path, /, *, cars: Count = 8, angles: Angles = 16, seed: Seed = 0) -> None:
    """Make photos of synthetic cars in a studio, with exact masks, in the Carvana layout.

    Args:
        out: folder to write to.
        cars: number of cars.
        angles: number of photos of each car, at equal angles around it.
        seed: another seed makes other cars.
    """
    from data.studio import write_dataset
    from pipeline.progress import progress

    with resumable(), progress("rendering") as on_photo:
        write_dataset(out, cars=cars, angles=angles, seed=seed, on_photo=on_photo)


@app.command
def train_coarse(
    data: list[Path],
    run: Path,
    /,
    *,
    folds: int | None = None,
    config: Settings = None,
    device: Device = "auto",
) -> None:
    """Train stage one on photos and masks; if interrupted, run it again to resume.

    Args:
        data: folders with train/ and train_masks/, or images/ and masks/. The validation set comes
            from the first one.
        run: folder of the run, the last argument.
        folds: also train this many networks, each without one fold of the training groups, and use
            them to extract the refiner's training patches; 2 or more, or 0 for none.
        config: settings file (TOML).
        device: device to compute on; auto is a GPU if there is one.
    """
    check_training_paths(run, config, data)
    from pipeline.training import commands

    with resumable():
        answer(commands.train_coarse(data, run, config, device, folds))


@app.command
def make_patches(
    data: list[Path], run: Path, /, *, config: Settings = None, device: Device = "auto"
) -> None:
    """Extract the uncertain tiles of all photos to RUN/patches.zarr; run it again to resume.

    Args:
        data: folders of photos with masks, the same as for stage one, but without folders of
            low-resolution photos, which train stage one only.
        run: folder of the run, the last argument.
        config: settings file (TOML); by default the run's own.
        device: device to compute on; auto is a GPU if there is one.
    """
    check_training_paths(run, config, data)
    from pipeline.inference.cpu_setup import keep_freed_memory
    from pipeline.training import commands

    keep_freed_memory()
    with resumable():
        answer(commands.make_patches(data, run, config, device))


@app.command
def train_refiner(run: Path, /, *, config: Settings = None, device: Device = "auto") -> None:
    """Train stage two on the patches, and write the finished model to RUN/model.

    Args:
        run: folder of the run.
        config: settings file (TOML); by default the run's own.
        device: device to compute on; auto is a GPU if there is one.
    """
    check_training_paths(run, config)
    from pipeline.training import commands

    with resumable():
        answer(commands.train_refiner(run, config, device))


@app.command
def predict(  # noqa: PLR0913  the options that are of no other command
    photos: list[Path],
    out: Path,
    /,
    *,
    csv: Path | None = None,
    expected: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    fail_unknown: Annotated[bool, Parameter(negative=())] = False,
    results: OutputArguments = DEFAULT_OUTPUTS,
    arguments: MaskArguments = DEFAULTS,
) -> int:
    """Write the mask of each photo to OUT/<stem>.png, 0 and 255, at the photo's own size.

    With --output, cutouts and alpha are written as well, or instead. To resume an interrupted
    command, run it again. Photos whose results are in OUT already, made with the same model and
    options, are skipped unless the photo or its results have changed.

    Args:
        photos: photos, or folders of them.
        out: folder for the results, the last argument.
        csv: also write the masks to this csv file, as run lengths for the Kaggle challenge; gzipped
            if the name ends in .gz.
        expected: also write the Dice that the model expects of each mask to this csv file, lowest
            first; photos unlike those that the model was trained on come before all others, without
            a Dice. Photos predicted without this option are repeated.
        overwrite: make the results of these photos anew, even if OUT has results of another model
            or other options. Those of other photos are left as they are, with a warning.
        fail_unknown: exit with 1 if a photo is unlike those that the model was trained on.
        results: what to write, and how cutouts are made.
        arguments: the model, and how masks are made.
    """
    from data.samples import find_photos

    photo_paths = find_photos(*photos)  # before what takes seconds to import
    from pipeline.inference.cpu_setup import keep_freed_memory
    from pipeline.inference.predict import check_tables, predict_photos

    keep_freed_memory()
    written = results.checked(photo_paths, out, csv)
    check_tables(photo_paths, csv, expected)
    options, segmenter = arguments.options(), arguments.segmenter()
    with resumable(RESUME_OVERWRITING) if overwrite else resumable():
        outcome = predict_photos(
            photo_paths,
            out,
            segmenter,
            options,
            outputs=written.outputs(segmenter, options, overwrite=overwrite),
            csv_path=csv,
            expected=expected,
            overwrite=overwrite,
        )
    for failure in outcome.failures:
        report(failure.reason)
    return 1 if outcome.failures or (fail_unknown and outcome.unknown) else 0


@app.command
def evaluate(
    data: Path,
    /,
    *,
    split: Literal["unseen", "all"] = "unseen",
    per_photo: Path | None = None,
    arguments: MaskArguments = DEFAULTS,
) -> None:
    """Print the scores of a model on photos with masks, as one JSON object.

    Args:
        data: folder with train/ and train_masks/, or images/ and masks/.
        split: unseen leaves out photos of groups (such as cars) that the model was trained on.
        per_photo: also write the scores of each photo to this csv file, the worst photo first.
        arguments: the model, and how masks are made.
    """
    from pipeline.evaluation import evaluate as evaluation
    from pipeline.inference.cpu_setup import keep_freed_memory

    keep_freed_memory()
    if per_photo is not None:
        prepare_table(per_photo, evaluation.SCORE_COLUMNS)
    with reserved(per_photo):
        segmenter = arguments.segmenter()
        summary, photos = evaluation.evaluate(data, segmenter, arguments.options(), split=split)
        answer(json.dumps({"model": arguments.model} | summary.to_json()))
        if per_photo is not None:
            evaluation.write_score_table(per_photo, photos)


@app.command
def show(
    photos: list[Path],
    out: Path,
    /,
    *,
    mask: Path | None = None,
    tile: str | None = None,
    arguments: MaskArguments = DEFAULTS,
) -> None:
    """Draw pictures of predictions, OUT/<stem>_overlay.png and others; prints their names.

    _overlay is the mask on the photo, _tiles the uncertain tiles, _fovea the input and output of
    the refiner for one tile, _difference the difference from the true mask, if there is one, and
    _postprocess the change by each post-processing step.

    Args:
        photos: photos, or folders of them.
        out: folder for the pictures, the last argument.
        mask: the true mask of the photo, or a folder of masks, <stem>.png or <stem>_mask.gif.
        tile: ROW,COL of the tile to draw with _fovea, in the grid of tiles at working size, from
            0,0; by default the most uncertain one.
        arguments: the model, and how masks are made.
    """
    from data.samples import find_photos

    photo_paths = find_photos(*photos)  # before what takes seconds to import
    from pipeline.reporting.show import ShowOptions
    from pipeline.reporting.show import show as draw

    options = ShowOptions(
        stage=arguments.stage,
        budget=arguments.budget,
        postprocess=arguments.steps(),
        mask=mask,
        tile=parse_tile(tile),
    )
    for path in draw(photo_paths, out, arguments.segmenter(), options):
        answer(path)


@app.command
def check_csv(
    file: Path, /, *, masks: Path | None = None, size: HeightWidth = (1280, 1918)
) -> None:
    """Read a csv of masks back, check every row, and print a summary as one JSON object.

    If a row is wrong, the first such row is named, and the exit status is 1.

    Args:
        file: csv as written by predict, gzipped if its name ends in .gz.
        masks: folder of masks that the rows must agree with in every pixel.
        size: height and width of all photos, if --masks is not given.
    """
    from data.geometry import Size
    from data.kaggle_csv import check

    answer(json.dumps(asdict(check(file, size=Size(*size), masks=masks))))


app.command(convert)


@app.command
def demo(out: Path = Path("demo"), /, *, device: Device = "auto") -> None:
    """Make synthetic photos, train both stages on them, predict, score and draw.

    Args:
        out: folder to work in.
        device: device to compute on; auto is a GPU if there is one.
    """
    from pipeline.demo import run_demo

    with resumable():
        run_demo(out, device)

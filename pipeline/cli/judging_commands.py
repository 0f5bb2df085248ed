"""The commands that tell how good masks are."""

import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from data.errors import InputError, SettingsError
from data.groups import CARVANA_GROUP
from data.tables import prepare_table, reserved
from pipeline.cli.arguments import (
    DEFAULTS,
    Count,
    Device,
    Flag,
    GroupNames,
    HeightWidth,
    MaskArguments,
    Settings,
    parse_tile,
    read_config,
)
from pipeline.cli.output_arguments import DEFAULT_OUTPUTS, OutputArguments
from pipeline.cli.program import answer
from pipeline.cli.report_option import reporting
from pipeline.cli.store_places import refuse, store_places

log = logging.getLogger(__name__)


def evaluate(
    data: Path,
    /,
    *,
    split: Literal["unseen", "all"] = "unseen",
    only_groups: GroupNames = (),
    per_photo: Path | None = None,
    report: Path | None = None,
    config: Settings = None,
    arguments: MaskArguments = DEFAULTS,
) -> None:
    """Print the scores of a model on photos with masks, as one JSON object.

    Args:
        data: folder with train/ and train_masks/, or images/ and masks/, also in an object store
            (s3://bucket/data).
        split: unseen leaves out photos of groups (such as cars) that the model was trained on.
        only_groups: score only the photos of these groups, which have the names that data.group
            finds in those of their photos.
        per_photo: also write the scores of each photo to this csv file, the worst photo first.
        report: also write a report to this folder: DIR/index.html, a page with tables, charts and
            all photos, the worst first.
        config: settings file (TOML), of which data.object and data.group are used; by default those
            that the model was trained with.
        arguments: the model, and how masks are made.
    """
    from pipeline.evaluation import evaluate as evaluation
    from pipeline.inference.cpu_setup import keep_freed_memory

    refuse({"--model": arguments.model, "--config": config})
    settings = None if config is None else read_config(config).data
    keep_freed_memory()
    with store_places() as places:
        data, per_photo = places.read(data), places.file(per_photo)
        report = None if report is None else places.written(report)
        if per_photo is not None:
            prepare_table(per_photo, evaluation.SCORE_COLUMNS)
        with reserved(per_photo), reporting(report, data, arguments) as reporter:
            segmenter, options = arguments.segmenter(), arguments.options()
            observe = None if reporter is None else reporter.begun(segmenter, options)
            summary, photos = evaluation.evaluate(
                data,
                segmenter,
                options,
                split=split,
                groups=only_groups,
                settings=settings,
                observe=observe,
            )
            answer(json.dumps({"model": arguments.model} | summary.to_json()))
            if per_photo is not None:
                evaluation.write_score_table(per_photo, photos)
            if reporter is not None:
                reporter.write(summary)


def calibrate(data: Path, model: Path, /, *, device: Device = "auto") -> None:
    """Fit what a model says of its own errors: the interval of predict --expected, refine's guard.

    Both are written to the model, and printed as one JSON object. Masks of photos stay the same;
    refine keeps more of the given masks if the model is surer than it is right.

    Args:
        data: folder with train/ and train_masks/, or images/ and masks/; photos that the model was
            trained on are left out, and those of at least 9 other groups must remain.
        model: folder of the model, such as RUN/model.
        device: device to compute on; auto is a GPU if there is one.
    """
    from pipeline.evaluation import calibration
    from pipeline.inference.cpu_setup import keep_freed_memory

    keep_freed_memory()
    answer(json.dumps(calibration.calibrate(data, model, device)))


def audit(
    data: Path,
    run: Path,
    /,
    *,
    out: Path | None = None,
    top: Annotated[float, Parameter(validator=validators.Number(gt=0, lte=1))] = 0.02,
    config: Settings = None,
    device: Device = "auto",
) -> None:
    """Rank the true masks of photos by what speaks against them; print those to look at first.

    Masks are judged by networks of the run that were not trained on their photos. What is printed
    is the setting data.exclude, to be pasted into a settings file once you have looked at the page
    OUT/report/index.html. OUT/audit.csv has all photos.

    Args:
        data: folder with train/ and train_masks/, or images/ and masks/.
        run: folder of a run, or of a model, or the name of one that comes with the package.
        out: folder for the results; by default RUN/audit.
        top: share of the photos to print.
        config: settings file (TOML), of which data.object and data.group are used; by default those
            that the first model of the run was trained with.
        device: device to compute on; auto is a GPU if there is one.
    """
    if out is None and not run.is_dir():
        raise InputError(f"{run} is no folder of a run: name a folder for the results, --out DIR")
    from data.samples import find_samples
    from pipeline.auditing import audit as auditing
    from pipeline.auditing.honest_models import judges_of, models_of
    from pipeline.evaluation.evaluate import data_settings
    from pipeline.inference.cpu_setup import keep_freed_memory

    keep_freed_memory()
    place = run / "audit" if out is None else out
    auditing.prepare(place)
    first = data_settings(next(iter(models_of(run).values())))
    settings = None if config is None else read_config(config).data
    samples = find_samples(
        data,
        group_pattern=settings.group if settings else first.get("group", CARVANA_GROUP),
        object_values=settings.object if settings else tuple(first.get("object", ())),
    )
    judged = auditing.audit(judges_of(run, samples), place, device, top)
    answer(auditing.exclude_lines(judged).rstrip("\n"))
    log.info("look at %s before you exclude them", place / "report" / "index.html")


def verify(
    out: Path,
    photos: list[Path],
    /,
    *,
    quick: Flag = False,
    sample: Count | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    results: OutputArguments = DEFAULT_OUTPUTS,
    arguments: MaskArguments = DEFAULTS,
) -> int:
    """Say which results of predict are not what the model makes of the photos, one on a line.

    All photos are predicted again, and the pixels compared. If anything is wrong, the exit status
    is 1. Give the model and the options that predict was given.

    Args:
        out: folder of the results.
        photos: photos, or folders of them. If there is a folder, results of other photos than these
            are named too.
        quick: believe what results and their folder say of the model, the options, the photo and
            the file, instead of predicting again.
        sample: predict this many photos again, and believe that of the others.
        as_json: print one JSON object instead.
        results: what to look at, and how cutouts are made.
        arguments: the model, and how masks are made.
    """
    from data.photo_files import find_photo_files

    if quick and sample is not None:
        raise SettingsError("--quick predicts no photo again, --sample some; give one of them")
    files = find_photo_files(photos, out)  # before what takes seconds to import
    from pipeline.inference import verify as verification
    from pipeline.inference.cpu_setup import keep_freed_memory
    from pipeline.inference.job import Job

    keep_freed_memory()
    maker, options, segmenter = results.maker(), arguments.options(), arguments.segmenter()
    job = Job(out=out, outputs=maker.without_boxes(out), overwrite=True)
    if not quick:
        job = replace(job, outputs=maker.outputs(files, job, segmenter, options))
    found = verification.verify(
        files,
        job,
        segmenter,
        options,
        num_again=0 if quick else sample,
        with_others=any(path.is_dir() for path in photos),
    )
    if as_json:
        answer(json.dumps(found.to_json(), default=str))
    else:
        for finding in found.findings:
            answer(finding)
    log.info("%s", found)
    return 1 if found.findings else 0


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
    _postprocess the change by each post-processing step. In a folder, photos are looked for in all
    folders below as well; their pictures are OUT/<sub-folder>/<stem>_overlay.png and so on.

    Args:
        photos: photos, or folders of them.
        out: folder for the pictures, the last argument.
        mask: the true mask of the photo, or a folder of masks, <stem>.png or <stem>_mask.gif, with
            the same sub-folders; or their polygons, such as <stem>.json of LabelMe or one file of
            COCO.
        tile: ROW,COL of the tile to draw with _fovea, in the grid of tiles at working size, from
            0,0; by default the most uncertain one.
        arguments: the model, and how masks are made.
    """
    from data.photo_files import find_photo_files

    found = find_photo_files(photos, out)  # before what takes seconds to import
    from pipeline.reporting.show import ShowOptions
    from pipeline.reporting.show import show as draw

    options = ShowOptions(
        stage=arguments.stage,
        budget=arguments.budget,
        postprocess=arguments.steps(),
        mask=mask,
        tile=parse_tile(tile),
    )
    for path in draw(found, out, arguments.segmenter(), options):
        answer(path)


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

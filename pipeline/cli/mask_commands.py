"""The commands that make masks of photos."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from data.errors import SettingsError
from pipeline.cli.arguments import DEFAULTS, MaskArguments
from pipeline.cli.given_mask_arguments import (
    DEFAULT_REFINER,
    DEFAULT_REFINING_ARGUMENTS,
    GivenMaskArguments,
    RefinerArguments,
    RefiningArguments,
)
from pipeline.cli.output_arguments import DEFAULT_OUTPUTS, OutputArguments
from pipeline.cli.prediction_modes import Request, predict_all, predict_arriving, predict_streamed
from pipeline.cli.run_arguments import DEFAULT_RUN, RunArguments
from pipeline.cli.standard_streams import STREAM
from pipeline.cli.store_places import refuse, store_places


def predict(
    photos: list[Path],
    out: Path,
    /,
    *,
    run: RunArguments = DEFAULT_RUN,
    results: OutputArguments = DEFAULT_OUTPUTS,
    arguments: MaskArguments = DEFAULTS,
) -> int:
    """Write the mask of each photo to OUT/<stem>.png, 0 and 255, at the photo's own size.

    In a folder, photos are looked for in all folders below as well; their masks are
    OUT/<sub-folder>/<stem>.png. With --output, cutouts and alpha are written as well, or instead.
    In a pipe, the one photo and OUT may be given as -. To resume an interrupted command, run it
    again. Photos whose results are in OUT already, made with the same model and options, are
    skipped unless the photo or its results have changed.

    Args:
        photos: photos, or folders of them, also in object stores (s3://bucket/photos); - for
            standard input.
        out: folder for the results, the last argument, also in an object store; - for standard
            output.
        run: how the photos are worked through.
        results: what to write, and how cutouts are made.
        arguments: the model, and how masks are made.
    """
    run.check()
    if run.watch:
        refuse({f"what --watch looks at ({path})": path for path in (*photos, out)})
    if run.cluster is not None:
        places_of_all = (*photos, out, run.report)
        refuse({f"what --cluster works on ({path})": path for path in places_of_all})
    own = {"--model": arguments.model, "--background": results.background}
    refuse({**own, "--reviewed": run.reviewed})
    with store_places() as places:
        if STREAM not in photos:
            photos = [places.read(photo) for photo in photos]
        if out != STREAM:
            out = places.written(out)
            places.remember(out)
        request = Request(photos, out, run.at(places), results, arguments)
        if STREAM in (out, *photos):
            return predict_streamed(request)
        return predict_arriving(request) if run.watch else predict_all(request)


def refine(  # noqa: PLR0913  what, where to, and four groups of options
    photos: list[Path],
    masks: Path,
    out: Path,
    /,
    *,
    csv: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    part: str | None = None,
    refining: RefiningArguments = DEFAULT_REFINING_ARGUMENTS,
    results: OutputArguments = DEFAULT_OUTPUTS,
    arguments: RefinerArguments = DEFAULT_REFINER,
) -> int:
    """Refine masks of other tools or hands at the photo's own size; write them to OUT/<stem>.png.

    A mask is called as its photo is, perhaps with an ending such as _mask, and may be of any size,
    with soft edges or without. Square masks are stretched to their photos. Nothing farther from the
    contour than the band changes, and nothing at all where that is no clear gain. To resume an
    interrupted command, run it again.

    Args:
        photos: photos, or folders of them.
        masks: folder of their masks, or the mask of the only photo.
        out: folder for the results, the last argument.
        csv: also write the masks to this csv file, as run lengths for the Kaggle challenge; gzipped
            if the name ends in .gz.
        overwrite: make the results of these photos anew, even if OUT has results of another model
            or other options.
        part: K/N, such as 3/16: refine the K-th of N parts of the photos, see predict.
        refining: where masks may change.
        results: what to write, and how cutouts are made.
        arguments: the model, whose second stage is run, and how masks are made.
    """
    if STREAM in (*photos, masks, out):
        raise SettingsError("refine takes files and folders, not -")
    run = RunArguments(csv=csv, overwrite=overwrite, part=part)
    given = GivenMaskArguments(masks, refining)
    run.check()
    return predict_all(Request(photos, out, run, results, arguments, given))

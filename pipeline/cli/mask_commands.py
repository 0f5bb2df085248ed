"""The commands that make masks of photos."""

from pathlib import Path

from pipeline.cli.arguments import DEFAULTS, MaskArguments
from pipeline.cli.output_arguments import DEFAULT_OUTPUTS, OutputArguments
from pipeline.cli.prediction_modes import Request, predict_all, predict_arriving, predict_streamed
from pipeline.cli.run_arguments import DEFAULT_RUN, RunArguments
from pipeline.cli.standard_streams import STREAM


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
        photos: photos, or folders of them; - for standard input.
        out: folder for the results, the last argument; - for standard output.
        run: how the photos are worked through.
        results: what to write, and how cutouts are made.
        arguments: the model, and how masks are made.
    """
    request = Request(photos, out, run, results, arguments)
    run.check()
    if STREAM in (out, *photos):
        return predict_streamed(request)
    return predict_arriving(request) if run.watch else predict_all(request)

"""The commands that make masks of photos."""

from pathlib import Path

from pipeline.cli.arguments import DEFAULTS, Flag, MaskArguments
from pipeline.cli.output_arguments import DEFAULT_OUTPUTS, OutputArguments
from pipeline.cli.program import RESUME_OVERWRITING, report, resumable


def predict(  # noqa: PLR0913  the options that are of no other command
    photos: list[Path],
    out: Path,
    /,
    *,
    csv: Path | None = None,
    expected: Path | None = None,
    overwrite: Flag = False,
    fail_unknown: Flag = False,
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

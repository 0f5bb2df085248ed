"""The commands that make masks of photos."""

import logging
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pipeline.cli.arguments import DEFAULTS, MaskArguments, Share
from pipeline.cli.output_arguments import DEFAULT_OUTPUTS, OutputArguments
from pipeline.cli.program import RESUME_OVERWRITING, answer, report, resumable

if TYPE_CHECKING:
    from pipeline.inference.outcome import Outcome

log = logging.getLogger(__name__)

MOST_LISTED = 100
"""Most arguments that the list of calls repeats."""


def predict(  # noqa: PLR0913  the options that are of no other command
    photos: list[Path],
    out: Path,
    /,
    *,
    csv: Path | None = None,
    expected: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    fail_unknown: Annotated[bool, Parameter(negative=())] = False,
    fail_under: Share = None,
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
            first, with the ends that the true Dice of 90 of 100 masks lies between; photos unlike
            those that the model was trained on come before all others, without a Dice. Photos
            predicted without this option are repeated.
        overwrite: make the results of these photos anew, even if OUT has results of another model
            or other options. Those of other photos are left as they are, with a warning.
        fail_unknown: exit with 1 if a photo is unlike those that the model was trained on.
        fail_under: list the photos whose masks may have a Dice below this one, by the lower end of
            that interval, and exit with 1 if there are any. A photo unlike those that the model was
            trained on is one of them.
        results: what to write, and how cutouts are made.
        arguments: the model, and how masks are made.
    """
    from data.samples import find_photos

    started = datetime.now(UTC)
    photo_paths = find_photos(*photos)  # before what takes seconds to import
    from pipeline.inference.cpu_setup import keep_freed_memory
    from pipeline.inference.predict import check_tables, predict_photos
    from pipeline.inference.run_file import Call, computing

    keep_freed_memory()
    written = results.checked(photo_paths, out, csv)
    check_tables(photo_paths, csv, expected)
    options, segmenter = arguments.options(), arguments.segmenter()
    given = {
        "photos": [str(path) for path in photos[:MOST_LISTED]],
        "out": str(out),
        "csv": csv and str(csv),
        "expected": expected and str(expected),
        "overwrite": overwrite,
        "fail_unknown": fail_unknown,
        "fail_under": fail_under,
    }
    call = Call(
        given | asdict(results) | asdict(arguments),
        model=arguments.model,
        device=computing(segmenter.device),
        started=started,
    )
    with resumable(RESUME_OVERWRITING) if overwrite else resumable():
        outcome = predict_photos(
            photo_paths,
            out,
            segmenter,
            options,
            outputs=written.outputs(segmenter, options, overwrite=overwrite),
            csv_path=csv,
            expected=expected,
            with_dice=fail_under is not None,
            overwrite=overwrite,
            call=call,
        )
    for failure in outcome.failures:
        report(failure.reason)
    num_below = 0 if fail_under is None else list_below(outcome, fail_under)
    return 1 if outcome.failures or (fail_unknown and outcome.unknown) or num_below else 0


def list_below(outcome: "Outcome", dice: float) -> int:
    """Print the photos whose masks may have a Dice below `dice`, and return their number."""
    from pipeline.inference.expected import below

    found = below(outcome.records, dice, outcome.interval)
    for photo, expected in found.items():
        answer(f"{photo}: {expected}")
    log.info("%d of %d masks may have a Dice below %g", len(found), len(outcome.records), dice)
    return len(found)

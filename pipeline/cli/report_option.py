"""The option --report of the commands that make masks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError
from pipeline.cli.arguments import MaskArguments

if TYPE_CHECKING:
    from data.photo_files import PhotoFile
    from pipeline.inference.job import Job
    from pipeline.inference.mask_options import MaskOptions
    from pipeline.inference.prediction_run import Outcome
    from pipeline.inference.segmenter import Segmenter
    from pipeline.reporting.evaluation_report import EvaluationReport
    from pipeline.reporting.prediction_report import Drawn
    from pipeline.reporting.stage_curves import Stages


def check_apart(report: Path, job: "Job", photos: Sequence["PhotoFile"]) -> None:
    """Raise if results and a report would be in one folder.

    Raises:
        InputError: they would.
    """
    folder, out = report.resolve(), job.out.resolve()
    results = (
        path.parent
        for output in job.outputs
        for photo in photos
        if folder.is_relative_to(out) and (path := output.path(out, photo.name))
    )
    if out.is_relative_to(folder) or any(path.is_relative_to(folder) for path in results):
        raise InputError(f"{report} is for results as well; name another folder for the report")


@contextmanager
def drawing(
    report: Path | None, job: "Job", photos: Sequence["PhotoFile"]
) -> Iterator[tuple["Job", "Drawn | None"]]:
    """Give the job with a report that sees its predictions; without --report, the job as it is.

    Raises:
        InputError: there cannot be a report in that folder, see `report_folder`.
    """
    if report is None:
        yield job, None
        return
    from pipeline.reporting.prediction_report import Drawn
    from pipeline.reporting.report_folder import report_folder

    check_apart(report, job, photos)
    with report_folder(report, is_shared=job.part is not None) as folder:
        drawn = Drawn(folder)
        yield replace(job, observe=drawn.observe), drawn


def write_page(
    drawn: "Drawn | None",
    job: "Job",
    outcome: "Outcome",
    segmenter: "Segmenter",
    options: "MaskOptions",
) -> None:
    """Write the page of a report, if there is one and it is not of a part of the photos."""
    if drawn is None or job.part is not None:
        return
    from pipeline.reporting.run_facts import facts_of_run

    name = "" if job.call is None else job.call.model
    drawn.write(job, outcome, facts_of_run(segmenter, options, name, results=job.out))


@contextmanager
def reporting(
    report: Path | None, data: Path, arguments: MaskArguments
) -> Iterator["EvaluationReport | None"]:
    """Give what collects the report of an evaluation; without --report, nothing.

    Raises:
        InputError: there cannot be a report in that folder, see `report_folder`; or the
            measurements of the model's training are damaged.
    """
    if report is None:
        yield None
        return
    from pipeline.reporting.evaluation_report import EvaluationReport
    from pipeline.reporting.report_folder import report_folder

    with report_folder(report) as folder:
        yield EvaluationReport(folder, data, arguments.model, curves_beside(arguments.model))


def curves_beside(model: str) -> "Stages":
    """Return the epochs of each stage, by its name, if a model lies in the folder of its run.

    Raises:
        InputError: they are damaged.
    """
    from pipeline.training import run_folder

    path = Path(model)
    if not (path / "model.json").is_file():
        return {}
    run = path.resolve().parent
    stages = {"coarse network": "coarse", "refiner": "refiner"}
    found = {name: run_folder.epochs(run / folder) for name, folder in stages.items()}
    return {name: {"": rows} for name, rows in found.items() if rows}

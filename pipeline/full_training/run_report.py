"""The report of a training: a folder in that of the run, with a page that needs no network."""

import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.full_training.ending import Ending, ending_of
from pipeline.full_training.held_out import HeldOut
from pipeline.full_training.journal import Journal
from pipeline.full_training.time_plan import shortage_of
from pipeline.reporting.evaluation_report import (
    analysis_section,
    distribution_section,
    gallery_of,
    score_section,
)
from pipeline.reporting.observed_photos import Entry
from pipeline.reporting.report_parts import Facts, Report, Section, Table
from pipeline.reporting.stage_curves import Stages, curve_sections
from pipeline.training.epoch_lines import duration
from pipeline.training.fitted_settings import Choice

REPORT = "report"
"""Folder of the report in that of the run."""

MEASURED = "measured.json"
"""What was measured of the photos that were held out, in the folder of the run, until the report
is written."""

ENDING = ("How good", "How sure that is", "What would help most")

NOTE = (
    "All photos that were held out, the worst first. If the model is right and the mask is not, "
    "correct the mask."
)


def report_of_run(
    run: Path, journal: Journal, held_out: HeldOut, stages: Stages, photos: Sequence[Entry]
) -> Report:
    """Return the report of the training in the folder `run`.

    Args:
        run: folder of the run.
        journal: what was settled and done.
        held_out: scores of the photos that were held out.
        stages: the epochs of each stage.
        photos: what else was measured of these photos.
    """
    ending: Ending = ending_of(held_out, stages, shortage_of(journal))
    facts, total = journal.facts, duration(sum(journal.seconds.values()))
    lead = (
        f"A training on {facts.num_photos} photos of {facts.num_groups} groups, finished on "
        f"{time.strftime('%Y-%m-%d')} after {total}."
    )
    lines = (ending.how_good, ending.how_sure, ending.what_helps)
    choices = [*journal.choices, *steps_of(journal)]
    settings = [[choice.name, str(choice.value), choice.why] for choice in choices]
    parts = [[part, duration(seconds)] for part, seconds in journal.seconds.items()]
    return Report(
        title=f"Training of {run.resolve().name}",
        lead=lead,
        sections=[
            Section("What came of it", [Facts(list(zip(ENDING, lines, strict=True)), True)]),
            score_section(photos),
            *curve_sections(stages),
            distribution_section(photos),
            analysis_section(photos),
        ],
        gallery=gallery_of(photos, NOTE),
        after=[
            Section(
                "Settings fitted to the photos",
                [Table(["setting", "value", "because"], settings, 3)],
                "All settings are in config.toml in the folder of the run.",
            ),
            Section("Time", [Table(["part", "took"], parts)]),
        ],
    )


def steps_of(journal: Journal) -> list[Choice]:
    """Return the steps that were found out during the training, as settings."""
    why = "as many as there was time for" if journal.start.seconds else "for so many patches"
    return [Choice(f"{part}.steps", num, why) for part, num in journal.steps.items()]

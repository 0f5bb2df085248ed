"""The learning curves of both stages, from the measurements of their epochs."""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate

from pipeline.reporting.line_chart import Chart, chart_of
from pipeline.reporting.report_parts import Figure, Section

Rows = Sequence[Mapping[str, float]]
"""Measurements of the epochs of one training of one stage."""

Stages = Mapping[str, Mapping[str, Rows]]
"""Each stage by its name, with its trainings by theirs."""

NOTE = (
    "The better of the weights and their moving average, at their best, is what the model has. A "
    "curve that still rises at its end asks for more time; a loss that falls while the Dice does "
    "not rise asks for more photos."
)


def curve_sections(stages: Stages) -> list[Section]:
    """Return the curves of each stage that has been trained."""
    sections = []
    for stage, trainings in stages.items():
        scores, losses = charts_of(trainings)
        grid = ", on the coarse grid" if stage.startswith("coarse") else ""
        figures = [Figure(f"Dice of the photos held out{grid}", scores), Figure("Loss", losses)]
        if any(figure.chart.is_drawn for figure in figures):
            sections.append(Section(f"Training of the {stage}", figures, level=3))
    if not sections:
        return []
    return [Section("How the training went", [], NOTE), *sections]


def charts_of(trainings: Mapping[str, Rows]) -> tuple[Chart, Chart]:
    """Return the charts of the scores and of the loss of a stage, by steps.

    Args:
        trainings: the epochs of each training of that stage, by its name. Of a single one, the
            moving average of the weights and the weights themselves are drawn, each by itself.
    """
    scores = {name: points_of(rows, "score") for name, rows in trainings.items()}
    if len(trainings) == 1:
        (rows,) = trainings.values()
        kinds = {"moving average": "score_average", "weights": "score_weights"}
        scores = {name: points_of(rows, column) for name, column in kinds.items()}
    losses = {name: points_of(rows, "loss") for name, rows in trainings.items()}
    return chart_of(scores), chart_of(losses)


def points_of(rows: Rows, column: str) -> list[tuple[float, float]]:
    """Return step and value of a column of the epochs that have it."""
    ends = accumulate(row["steps"] for row in rows)
    pairs = [(step, row.get(column, math.nan)) for step, row in zip(ends, rows, strict=True)]
    return [(step, value) for step, value in pairs if not math.isnan(value)]

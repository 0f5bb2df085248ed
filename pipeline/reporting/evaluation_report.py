"""The report of an evaluation: scores, where masks are wrong, how far probabilities can be trusted.

The report of a training is made of the same parts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pipeline.evaluation.evaluate import Observe
from pipeline.evaluation.photo_measures import (
    BUDGETS,
    RANGES,
    all_bins,
    mean_budget,
    mean_wrong,
)
from pipeline.evaluation.scores import MeanScores, Scores, Summary, mean_scores
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.reporting.line_chart import bars_of, chart_of, histogram_of
from pipeline.reporting.observed_photos import Entry, Observed
from pipeline.reporting.photo_pictures import CAPTIONS
from pipeline.reporting.report_folder import ReportFolder
from pipeline.reporting.report_parts import (
    Column,
    Facts,
    Figure,
    Gallery,
    PhotoRow,
    Report,
    Section,
    Table,
)
from pipeline.reporting.run_facts import facts_of_run
from pipeline.reporting.stage_curves import Stages, curve_sections

COLUMNS = (
    Column("Dice", 4, "low"),
    Column("coarse", 4, "low"),
    Column("boundary error, px", 2, "high"),
    Column("expected Dice", 4, "low"),
    Column("tiles", 0, "high"),
)

UNLIKE, WORSE = "unlike training", "worse than coarse"

NOTE = (
    "The photos with the lowest Dice come first. Where the mask of the model is right and the true "
    "one is not, correct the true one."
)


@dataclass
class EvaluationReport:
    """The report of the command `evaluate`."""

    folder: ReportFolder
    data: Path
    model: str
    """The model as it was named."""
    stages: Stages
    """The epochs of its training, if they are known."""
    _observed: Observed | None = None
    _facts: Sequence[tuple[str, str]] = ()

    def begun(self, segmenter: Segmenter, options: MaskOptions) -> Observe:
        """Return what sees the photos while they are scored.

        Raises:
            InputError: the refined stage is requested, but the model has no refiner.
        """
        self._facts = facts_of_run(segmenter, options, self.model, data=self.data)
        self._observed = Observed(self.folder, segmenter.check_stage(options.stage))
        return self._observed.observe

    def write(self, summary: Summary) -> None:
        """Write the page, once all photos are scored."""
        photos = [] if self._observed is None else self._observed.photos
        finished = fmean(photo.scores.finished.dice for photo in photos) if photos else 0.0
        facts = [*self._facts, *facts_of_summary(summary)]
        self.folder.write(
            Report(
                title=f"Evaluation of {self.model}",
                lead=f"Dice {finished:.4f}, the mean of {len(photos)} photos.",
                sections=[
                    score_section(photos),
                    Section("What was run", [Facts(facts)]),
                    distribution_section(photos),
                    analysis_section(photos),
                    *curve_sections(self.stages),
                ],
                gallery=gallery_of(photos),
            )
        )


def score_section(photos: Sequence[Entry]) -> Section:
    """Return the table of all stages side by side, means over `photos`."""
    columns: dict[str, list[Scores]] = {
        "coarse, nearest": [photo.scores.coarse_nearest for photo in photos],
        "coarse, bilinear": [photo.scores.coarse for photo in photos],
        "refined": [s for photo in photos if (s := photo.scores.refined) is not None],
        "post-processed": [s for photo in photos if (s := photo.scores.postprocessed) is not None],
    }
    rows = [
        [name, *_score_cells(mean_scores(scores))] for name, scores in columns.items() if scores
    ]
    return Section(
        "Coarse against refined",
        [Table(["mask", "Dice", "boundary error, px", "boundary IoU at 2 px"], rows)],
    )


def distribution_section(photos: Sequence[Entry]) -> Section:
    """Return the histograms of scores over photos."""
    finished = [photo.scores.finished for photo in photos]
    errors = [s.boundary_error_px for s in finished if not math.isnan(s.boundary_error_px)]
    tiles = [float(photo.scores.tiles) for photo in photos]
    figures = [
        Figure("Dice: number of photos", histogram_of([s.dice for s in finished], "Dice")),
        Figure("Boundary error: number of photos", histogram_of(errors, "pixels")),
        Figure("Refined tiles: number of photos", histogram_of(tiles, "tiles of a photo")),
    ]
    return Section("Distributions", figures)


def analysis_section(photos: Sequence[Entry]) -> Section:
    """Return the charts of where masks are wrong, and of what tiles and probabilities are worth."""
    measures = [photo.measures for photo in photos]
    wrong, budget, bins = mean_wrong(measures), mean_budget(measures), all_bins(measures)
    pairs = [(100 * bin_.predicted, 100 * bin_.true) for bin_ in bins if bin_.share > 0]
    reliability = {"measured": pairs, "as it should be": [(0.0, 0.0), (100.0, 100.0)]}
    figures = [
        Figure(
            f"Wrong pixels of a photo by their distance from the true contour, {stage}",
            bars_of(dict(zip(RANGES, values, strict=True)), "pixels from the contour"),
        )
        for stage, values in wrong.items()
    ]
    figures.append(
        Figure(
            "Reliability: share of object among the pixels of each probability, in per cent",
            chart_of(reliability, "probability, %", (0.0, 100.0)) if pairs else chart_of({}),
        )
    )
    if budget:
        most = max(photo.scores.tiles for photo in photos)
        num = sum(BUDGETS[i - 1] < most for i in range(1, len(BUDGETS))) + 1
        lines = {
            order: list(zip(map(float, BUDGETS[:num]), dice[:num], strict=True))
            for order, dice in budget.items()
        }
        figures.append(
            Figure("Dice by the most tiles that are refined", chart_of(lines, "budget of tiles"))
        )
    note = ""
    num_without = sum(photo.budget is None for photo in measures)
    if budget and num_without:
        note = (
            f"The Dice by tiles is of the {len(measures) - num_without} photos whose tiles lie on "
            "their own pixels; the others were resampled, or had nothing to refine."
        )
    elif not budget:
        note = "There is no Dice by tiles: nothing was refined, or all photos were resampled."
    return Section("Where it is wrong, and how sure it is", figures, note)


def gallery_of(photos: Sequence[Entry], note: str = NOTE) -> Gallery:
    """Return all photos, the worst first."""
    return Gallery("Photos", note, COLUMNS, [_row(photo) for photo in photos], CAPTIONS)


def facts_of_summary(summary: Summary) -> list[tuple[str, str]]:
    """Return what the numbers are of."""
    cost = summary.gmac.to_json()
    text = ", ".join(f"{name} {value:.2f}" for name, value in cost.items())
    pairs = [("photos", str(summary.photos))]
    if summary.left_out_as_seen_in_training:
        num = summary.left_out_as_seen_in_training
        pairs.append(("left out", f"{num} of groups that the model was trained on"))
    pairs.append(("refined tiles", f"{summary.tiles:.1f} of a photo ({summary.tiles_share:.1%})"))
    if summary.refined_better_share is not None:
        share = f"{summary.refined_better_share:.1%} of photos"
        pairs.append(("refined better than coarse", share))
    correlation = summary.predicted_dice_rank_correlation
    expected = f"{summary.predicted_dice:.4f}"
    if correlation is not None:
        expected += f", rank correlation with the true one {correlation:.2f}"
    return [*pairs, ("expected Dice", expected), ("multiply-adds, GMac", text)]


def _row(photo: Entry) -> PhotoRow:
    scores, finished = photo.scores, photo.scores.finished
    error = finished.boundary_error_px
    marks = [UNLIKE] if photo.is_known is False else []
    if scores.refined is not None and finished.dice < scores.coarse.dice:
        marks.append(WORSE)
    values = [
        finished.dice,
        scores.coarse.dice,
        None if math.isnan(error) else error,
        scores.predicted_dice,
        float(scores.tiles),
    ]
    return PhotoRow(photo.name, values, marks, photo.pictures)


def _score_cells(scores: MeanScores) -> list[str]:
    error = scores.boundary_error_px
    return [
        f"{scores.dice:.5f}",
        "-" if error is None else f"{error:.2f}",
        f"{scores.boundary_iou_2px:.3f}",
    ]

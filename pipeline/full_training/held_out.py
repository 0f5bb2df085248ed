"""Scores of the photos that were held out, as they lie in the folder of the run.

scores.csv    a row for each photo, the worst first
scores.json   the means, and what is needed of each photo to say how sure they are
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from data.errors import InputError
from data.files import write_bytes
from data.images import read_size
from data.samples import Sample
from pipeline.evaluation.cost import photo_cost
from pipeline.evaluation.evaluate import score_samples, write_score_table
from pipeline.evaluation.scores import summarize
from pipeline.inference.mask_options import DEFAULT_OPTIONS
from pipeline.inference.segmenter import Segmenter

TABLE = "scores.csv"
NAME = "scores.json"


@dataclass(frozen=True)
class PhotoResult:
    """What counts of the scores of one photo."""

    name: str
    photo: str
    """Path of the photo."""
    mask: str
    group: str
    dice: float
    coarse_dice: float
    boundary_error_px: float | None
    expected_dice: float
    """What the model itself expects."""
    tiles: int


@dataclass(frozen=True)
class HeldOut:
    """Scores of photos that the networks were not trained on."""

    photos: tuple[PhotoResult, ...]
    """The worst first."""

    @property
    def dice(self) -> float:
        """Mean over the photos."""
        return fmean(photo.dice for photo in self.photos)

    @property
    def coarse_dice(self) -> float:
        """Mean over the photos, of the coarse network alone."""
        return fmean(photo.coarse_dice for photo in self.photos)

    @property
    def boundary_error_px(self) -> float | None:
        """Mean over the photos that have one; None if none has."""
        errors = [p.boundary_error_px for p in self.photos if p.boundary_error_px is not None]
        return fmean(errors) if errors else None


def score(run: Path, samples: Sequence[Sample], segmenter: Segmenter) -> None:
    """Score the masks of `samples`, and write the files of the scores to the folder `run`.

    Raises:
        InputError: a photo or mask is damaged.
    """
    stage = segmenter.check_stage(None)
    photos = score_samples(samples, segmenter, DEFAULT_OPTIONS, stage)
    write_score_table(run / TABLE, photos)
    results = []
    for sample, scores in zip(samples, photos, strict=True):
        error = scores.finished.boundary_error_px
        results.append(
            PhotoResult(
                name=sample.name,
                photo=str(sample.photo),
                mask=str(sample.mask),
                group=sample.group,
                dice=scores.finished.dice,
                coarse_dice=scores.coarse.dice,
                boundary_error_px=None if error != error else error,  # no contour
                expected_dice=scores.predicted_dice,
                tiles=scores.tiles,
            )
        )
    gmac = photo_cost(
        segmenter.model,
        read_size(samples[0].photo),
        stage,
        fmean(photo.tiles for photo in photos),
    )
    ordered = sorted(results, key=lambda result: result.dice)
    table = {"summary": summarize(photos, 0, gmac).to_json(), "photos": [*map(asdict, ordered)]}
    write_bytes(run / NAME, f"{json.dumps(table, indent=2)}\n".encode())


def load(run: Path) -> HeldOut:
    """Return the scores in the folder `run`.

    Raises:
        InputError: they are missing or damaged.
    """
    path = run / NAME
    try:
        table = json.loads(path.read_bytes())
        return HeldOut(tuple(PhotoResult(**photo) for photo in table["photos"]))
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise InputError(f"{path} is missing or damaged; delete {run} to train again") from error

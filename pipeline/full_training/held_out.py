"""Scores of the photos that were held out, in scores.json in the folder of the run."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from data.errors import InputError
from data.files import write_bytes
from data.samples import Sample
from pipeline.evaluation.scores import PhotoScores

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
    is_all_photos: bool = False
    """Whether they were held out from other models, and the finished one was trained on all."""

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


def result_of(sample: Sample, scores: PhotoScores) -> PhotoResult:
    """Return what counts of the scores of `sample`."""
    error = scores.finished.boundary_error_px
    return PhotoResult(
        name=sample.name,
        photo=str(sample.photo),
        mask=str(sample.mask),
        group=sample.group,
        dice=scores.finished.dice,
        coarse_dice=scores.coarse.dice,
        # OpenCV measures distances to seven digits or so, which vary from call to call.
        boundary_error_px=None if math.isnan(error) else round(error, 4),
        expected_dice=scores.predicted_dice,
        tiles=scores.tiles,
    )


def save(run: Path, results: Sequence[PhotoResult], *, is_all_photos: bool) -> None:
    """Write the scores of photos that were held out to the folder `run`."""
    photos = tuple(sorted(results, key=lambda result: result.dice))
    table = asdict(HeldOut(photos, is_all_photos))
    write_bytes(run / NAME, f"{json.dumps(table, indent=2)}\n".encode())


def load(run: Path) -> HeldOut:
    """Return the scores in the folder `run`.

    Raises:
        InputError: they are missing or damaged.
    """
    path = run / NAME
    try:
        table = json.loads(path.read_bytes())
        photos = tuple(PhotoResult(**photo) for photo in table["photos"])
        return HeldOut(photos, table["is_all_photos"])
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise InputError(f"{path} is missing or damaged; delete {run} to train again") from error

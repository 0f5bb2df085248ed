"""What a report has of photos with masks: collected while they are scored, and kept in a file."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from data.arrays import Mask
from data.errors import InputError
from data.files import read_bytes, write_bytes
from data.samples import Sample
from pipeline import Stage
from pipeline.evaluation.photo_measures import PhotoMeasures, measure_photo
from pipeline.evaluation.scores import PhotoScores, Scores
from pipeline.inference.manifest import bytes_hash
from pipeline.inference.prediction import Prediction
from pipeline.reporting.photo_pictures import compared_pictures
from pipeline.reporting.report_folder import ReportFolder, picture_key


@dataclass(frozen=True)
class Entry:
    """What a report has of one photo."""

    name: str
    scores: PhotoScores
    measures: PhotoMeasures
    is_known: bool | None
    pictures: Mapping[str, str]


@dataclass
class Observed:
    """Photos of a report, collected from several threads while they are scored."""

    folder: ReportFolder
    stage: Stage
    entries: dict[str, Entry] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def observe(
        self, sample: Sample, prediction: Prediction, truth: Mask, scores: PhotoScores
    ) -> None:
        """Draw and measure one photo."""
        pictures = compared_pictures(prediction.photo, prediction.mask, truth)
        # What the pictures show is hashed: a photo may keep its name and change.
        key = picture_key(sample.name, *map(bytes_hash, pictures.values()))
        entry = Entry(
            sample.name,
            scores,
            measure_photo(prediction, truth, self.stage),
            prediction.is_known,
            self.folder.add_pictures(key, pictures),
        )
        with self._guard:
            self.entries[sample.name] = entry

    @property
    def photos(self) -> list[Entry]:
        """All entries, by name."""
        return [self.entries[name] for name in sorted(self.entries)]


def save_entries(path: Path, photos: Sequence[Entry]) -> None:
    """Write entries to a file, from which `load_entries` reads them."""
    table = [_rounded(asdict(photo)) for photo in photos]
    write_bytes(path, f"{json.dumps(table)}\n".encode())


def load_entries(path: Path) -> list[Entry]:
    """Return the entries that `save_entries` wrote.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        return [_entry(dict(row)) for row in json.loads(read_bytes(path))]
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise InputError(f"{path} is damaged") from error


def _rounded(value: Any) -> Any:
    """Return a value with fewer digits: OpenCV measures distances to seven, which vary."""
    if isinstance(value, float):
        return round(value, 4 if value > 1 else 6)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value


def _entry(row: dict[str, Any]) -> Entry:
    scores = dict(row["scores"])
    for name in ("coarse_nearest", "coarse", "refined", "postprocessed"):
        scores[name] = None if scores[name] is None else Scores(**scores[name])
    measures = PhotoMeasures(**row["measures"])
    return Entry(row["name"], PhotoScores(**scores), measures, row["is_known"], row["pictures"])

"""What a person says of masks, on disk: a JSON file for each photo, beside the masks.

MASKS/review/<name>.json      strokes, the offset of the contour, and whether the mask is accepted
MASKS/review/.expected.json   what the model expects of each mask, so that it is computed once
MASKS/review/.lock            held by the one `foveamask review` of these masks
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from data.errors import InputError
from data.files import read_bytes, remove_partials, write_bytes
from data.locks import locked
from data.photo_files import PhotoFile
from data.ranges import shown
from pipeline.reviewing.contour_offset import FARTHEST
from pipeline.reviewing.strokes import Stroke

FORMAT = 1

FOLDER = "review"
LOCK = ".lock"

MOST_STROKES = 1000
"""Most strokes of a photo."""

MOST_BYTES = 2**27
"""Most bytes of a file."""

Status = Literal["open", "later", "accepted"]
STATUSES = ("open", "later", "accepted")


@dataclass(frozen=True)
class PhotoReview:
    """What a person has said of the mask of a photo.

    Raises:
        ValueError: a value has the wrong type, or is out of its range.
    """

    mask: str
    """SHA-256 of the file of the mask that it is about."""
    strokes: tuple[Stroke, ...] = ()
    """In the order in which they were drawn."""
    offset: float = 0.0
    """Pixels by which the contour is moved outwards."""
    status: Status = "open"
    measured: float | None = None
    """Pixels by which the accepted contour lies outside that of the network, on average."""
    written: str | None = None
    """SHA-256 of the finished mask, once it is written; None if none is."""

    def __post_init__(self) -> None:
        texts = isinstance(self.mask, str) and isinstance(self.written, str | None)
        if not texts or self.status not in STATUSES:
            raise ValueError(f"no review of a mask: {shown(self.status)}")
        if len(self.strokes) > MOST_STROKES:
            raise ValueError(f"a photo has {MOST_STROKES} strokes at most; accept its mask first")
        numbers = (self.offset, 0.0 if self.measured is None else self.measured)
        if not all(type(value) in (int, float) and isfinite(value) for value in numbers):
            raise ValueError("offsets are finite numbers")
        if abs(self.offset) > FARTHEST:
            raise ValueError(f"a contour is moved by {FARTHEST:g} pixels at most")

    @classmethod
    def from_json(cls, values: Any) -> "PhotoReview":
        """Return the review that `to_json` describes.

        Raises:
            ValueError: `values` are something else.
        """
        if not isinstance(values, Mapping) or values.get("format") != FORMAT:
            raise ValueError(f"a review is an object of format {FORMAT}")
        try:
            strokes = tuple(Stroke.from_json(stroke) for stroke in values["strokes"])
            return cls(
                values["mask"],
                strokes,
                values["offset"],
                values["status"],
                values["measured"],
                values["written"],
            )
        except (KeyError, TypeError) as error:
            raise ValueError("a review has other values") from error

    def to_json(self) -> dict[str, Any]:
        """Return all values by their names."""
        return {
            "format": FORMAT,
            "mask": self.mask,
            "status": self.status,
            "offset": self.offset,
            "measured": self.measured,
            "written": self.written,
            "strokes": [stroke.to_json() for stroke in self.strokes],
        }


@dataclass(frozen=True)
class ReviewFolder:
    """The folder of reviews of a folder of masks."""

    path: Path

    @classmethod
    def of(cls, masks: Path) -> "ReviewFolder":
        """Return that of a folder of masks."""
        return cls(masks / FOLDER)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, and keep other reviews out of it.

        Raises:
            InputError: another process reviews these masks.
        """
        self.path.mkdir(exist_ok=True)
        busy = (
            f"another `foveamask review` of {self.path.parent} is running; use its page, or stop it"
        )
        with locked(self.path / LOCK, busy):
            remove_partials(self.path)
            yield

    @property
    def expected(self) -> Path:
        """The file of what is expected."""
        return self.path / ".expected.json"

    def file(self, photo: PhotoFile) -> Path:
        """Return the file of a photo."""
        return self.path / f"{photo.name}.json"

    def read(self, photo: PhotoFile, mask: str) -> PhotoReview:
        """Return what was said of the mask of a photo; nothing where there is no file.

        Args:
            photo: the photo.
            mask: SHA-256 of the file of its mask.

        Raises:
            InputError: the file is damaged.
        """
        path = self.file(photo)
        if not path.exists():
            return PhotoReview(mask)
        try:
            return PhotoReview.from_json(json.loads(read_bytes(path, MOST_BYTES)))
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{path} is damaged ({error}); mend or remove it, which forgets the strokes in it"
            ) from error

    def write(self, photo: PhotoFile, review: PhotoReview) -> None:
        """Write what was said of the mask of a photo, completely or not at all."""
        path = self.file(photo)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, (json.dumps(review.to_json(), indent=1) + "\n").encode())

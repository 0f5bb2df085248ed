"""The boxes that photos of a group share.

A box is known only once all photos of its group are predicted. The box of each photo is kept beside
the results, so that no photo is predicted for it again when others come.

OUT/.foveamask.boxes.jsonl  a line of JSON for each photo: `key`, a hash of the photo and of all
                            that decides its mask; `box`: top, left, bottom and right, or null
"""

import hashlib
import json
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from data.arrays import Photo
from data.errors import InputError
from data.files import read_bytes, write_bytes
from data.groups import CARVANA_GROUP, groups_of
from data.images import read_photo
from data.photo_files import PhotoFile
from pipeline.inference.cutouts.compose import alpha_of, visible_box
from pipeline.inference.cutouts.crop_box import Box, shared_box
from pipeline.inference.cutouts.cutout_options import CutoutOptions
from pipeline.inference.given_masks import GivenMasks
from pipeline.inference.job import Job
from pipeline.inference.made_with import MadeWith
from pipeline.inference.manifest import file_hash
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.mask_refining import MaskedPhoto
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import predict_stream
from pipeline.progress import progress

KEPT_BOXES = ".foveamask.boxes.jsonl"

MOST_BYTES = 2**30
"""Most bytes of a file of boxes that is read; a photo has some hundred."""


@dataclass
class KeptBoxes:
    """The boxes of photos without those of their groups; None for a photo without an object.

    Boxes of earlier calls are read from the file. What is damaged in it is left out.
    """

    path: Path
    making: MadeWith
    """What results depend on besides the photos and their masks."""
    found: dict[str, Box | None] = field(default_factory=dict)
    """Boxes by their keys."""

    def __post_init__(self) -> None:
        if not self.path.is_file():
            return
        for line in read_bytes(self.path, MOST_BYTES).splitlines():
            with suppress(ValueError, TypeError, KeyError, RecursionError):
                values = json.loads(line)
                self.found[str(values["key"])] = _box_from(values["box"])

    def key(self, photo: PhotoFile, mask: str | None) -> str:
        """Return a hash of all that decides the box of a photo.

        Args:
            photo: the photo.
            mask: hash of the mask that is given, or of what is mended in the predicted one.

        Raises:
            InputError: the photo cannot be read.
        """
        decided = json.dumps([asdict(self.making), file_hash(photo.path), mask])
        return hashlib.sha256(decided.encode()).hexdigest()

    def write(self) -> None:
        """Write all boxes, completely or not at all."""
        lines = [
            json.dumps({"key": key, "box": None if box is None else list(asdict(box).values())})
            for key, box in self.found.items()
        ]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(self.path, "".join(f"{line}\n" for line in lines).encode(), is_durable=False)


def _box_from(values: object) -> Box | None:
    """Return the box that a line holds.

    Raises:
        ValueError: it is none.
    """
    if values is None:
        return None
    if not isinstance(values, list) or not all(type(value) is int for value in values):
        raise ValueError("a box has four whole numbers")
    return Box(*values)


def group_names(photos: Sequence[PhotoFile], group_pattern: str = CARVANA_GROUP) -> list[str]:
    """Return the name of each photo's group; a photo that does not match is a group of its own.

    Photos of a group may lie in several folders.

    Args:
        photos: the photos.
        group_pattern: regular expression for a whole stem; its first bracket is the group.

    Raises:
        SettingsError: it is no such pattern, or takes too long.
    """
    stems = [photo.name.rpartition("/")[2] for photo in photos]
    groups = zip(photos, stems, groups_of(stems, group_pattern), strict=True)
    return [photo.name if group == stem else group for photo, stem, group in groups]


@dataclass(frozen=True, kw_only=True)
class ObjectBoxes:
    """Finds the box of the object of each photo, for which photos are predicted."""

    segmenter: Segmenter
    options: MaskOptions
    cutouts: CutoutOptions
    job: Job
    """Says which masks are given, and what is changed in others."""
    kept: KeptBoxes | None = None
    """Boxes of earlier calls; new ones are added."""

    def of(self, photos: Sequence[PhotoFile]) -> dict[PhotoFile, Box | None]:
        """Return the box of each photo that can be read; None if there is no object in it."""
        keys = {} if self.kept is None else self._keys(photos, self.kept)
        known = {} if self.kept is None else self.kept.found
        own = {photo: known[key] for photo, key in keys.items() if key in known}
        todo = [photo for photo in photos if photo not in own]
        try:
            with closing(self._found(todo)) as results, progress("finding boxes") as on_photo:
                for i, (photo, result) in enumerate(zip(todo, results, strict=True)):
                    if not isinstance(result, InputError):
                        own[photo] = result
                    on_photo(i + 1, len(todo))
        finally:  # also those that were found before an interruption
            if self.kept is not None and todo:
                self.kept.found |= {key: own[photo] for photo, key in keys.items() if photo in own}
                self.kept.write()
        return own

    def _keys(self, photos: Sequence[PhotoFile], kept: KeptBoxes) -> dict[PhotoFile, str]:
        """Return the key of each photo that can be read."""
        found: dict[PhotoFile, str] = {}
        for photo in photos:
            with suppress(InputError):
                found[photo] = kept.key(photo, self.job.mask_key(photo.path))
        return found

    def _found(self, photos: Sequence[PhotoFile]) -> Generator[Box | InputError | None, None, None]:
        """Yield the box of the object of each photo; None if there is no object."""
        segmenter, options, given = self.segmenter, self.options, self.job.given

        def box_of_object(photo: PhotoFile, prediction: Prediction) -> Box | None:
            mended = self.job.mended(photo.path, prediction)
            return visible_box(alpha_of(mended, self.cutouts))

        def read(photo: PhotoFile) -> Photo:
            return read_photo(photo.path)

        def read_masked(photo: PhotoFile, masks: GivenMasks) -> MaskedPhoto:
            return masks.decode(masks.read(photo.path), photo.path, read(photo))

        if given is None:
            predict = partial(segmenter.predict_batch, options=options)
            return predict_stream(photos, read, predict, box_of_object, segmenter.device)
        both = partial(read_masked, masks=given)
        refine = partial(given.refine, segmenter=segmenter, options=options)
        return predict_stream(photos, both, refine, box_of_object, segmenter.device)


def group_boxes(
    photos: Sequence[PhotoFile], groups_of_photos: Sequence[str], objects: ObjectBoxes
) -> dict[Path, Box]:
    """Return the box of the objects of each photo's group.

    Photos that cannot be read have none, nor have groups without an object.

    Args:
        photos: the photos.
        groups_of_photos: the group of each photo, see `group_names`.
        objects: finds the box of each photo.
    """
    own = objects.of(photos)
    found: dict[str, list[Box | None]] = {}
    group_of = dict(zip(photos, groups_of_photos, strict=True))
    for photo, box in own.items():
        found.setdefault(group_of[photo], []).append(box)
    shared = {group: shared_box(boxes) for group, boxes in found.items()}
    boxes = {photo.path: shared[group_of[photo]] for photo in own}
    return {photo: box for photo, box in boxes.items() if box is not None}

"""The photos of a review, the least certain first: what the network expects of each mask.

What it expects is kept on disk, by the hashes of photo and mask, so that it is computed once.
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import torch

from data.errors import InputError
from data.files import read_bytes, write_bytes
from data.groups import groups_of
from data.images import decode_photo
from data.photo_files import PhotoFile
from pipeline.inference.given_masks import GivenMasks
from pipeline.inference.manifest import bytes_hash
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.mask_refining import MaskedPhoto
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import map_photos
from pipeline.progress import progress
from pipeline.reviewing.first_mask import FirstMask, first_mask
from pipeline.reviewing.places import expected_dice

log = logging.getLogger(__name__)

FORMAT = 1

SECONDS_BETWEEN_WRITES = 5.0

MOST_BYTES = 2**28
"""Most bytes of the file of what is expected; a photo has some hundred."""


@dataclass(frozen=True)
class Outlook:
    """What the network expects of a mask.

    Raises:
        ValueError: a value has the wrong type.
    """

    photo: str
    """SHA-256 of the file of the photo."""
    mask: str
    """SHA-256 of the file of the mask."""
    dice: float
    """Expected Dice, from 0 to 1."""
    is_known: bool | None
    """Whether the photo is like those of training; None if the model cannot tell."""
    is_networks: bool
    """Whether the network has made the mask."""

    def __post_init__(self) -> None:
        right = isinstance(self.photo, str) and isinstance(self.mask, str)
        right = right and isinstance(self.is_known, bool | None)
        right = right and isinstance(self.is_networks, bool)
        if not (right and isinstance(self.dice, float) and isfinite(self.dice)):
            raise ValueError("no expectation of a mask")


@dataclass(frozen=True)
class BatchPhoto:
    """A photo of a batch with its mask."""

    file: PhotoFile
    mask: Path
    group: str
    outlook: Outlook

    @property
    def rank(self) -> tuple[bool, float, str]:
        """By which photos are sorted: those unlike the photos of training first, then by Dice."""
        return self.outlook.is_known is not False, self.outlook.dice, self.file.name


def load(photo: Path, mask: Path, segmenter: Segmenter, options: MaskOptions) -> FirstMask:
    """Return the mask of a photo, read from their files.

    Raises:
        InputError: one of them cannot be read, or the mask is of another aspect.
    """
    return _decoded(read_bytes(photo), read_bytes(mask), photo, mask, segmenter, options)


def load_batch(
    photos: Sequence[PhotoFile],
    given: GivenMasks,
    segmenter: Segmenter,
    options: MaskOptions,
    *,
    group: str,
    kept: Path,
) -> list[BatchPhoto]:
    """Return the photos with a mask, the least certain first; a line says which have none.

    Args:
        photos: all photos.
        given: their masks.
        segmenter: model and runtime.
        options: how the network makes masks.
        group: regular expression for a whole stem; its first bracket is the group.
        kept: file of what is expected.

    Raises:
        InputError: no photo has a mask that can be read.
    """
    made_with = f"{segmenter.identity} {options}"
    known = known_outlooks(kept, made_with)
    groups = batch_groups(photos, group)
    found: dict[str, Outlook] = {}
    result: list[BatchPhoto] = []

    def look(photo: PhotoFile) -> Outlook:
        mask = given.path(photo.path)
        data, mask_data = read_bytes(photo.path), read_bytes(mask)
        earlier = known.get(photo.name)
        own = bytes_hash(data), bytes_hash(mask_data)
        if earlier is not None and (earlier.photo, earlier.mask) == own:
            return earlier
        first = _decoded(data, mask_data, photo.path, mask, segmenter, options)
        with torch.inference_mode():
            dice = expected_dice(first.sums)
        return Outlook(*own, dice, first.is_known, first.is_networks)

    written = time.monotonic()
    with closing(map_photos(look, photos)) as outlooks, progress("looking at masks") as on_step:
        for num, (photo, outlook) in enumerate(zip(photos, outlooks, strict=True), 1):
            on_step(num, len(photos))
            if isinstance(outlook, InputError):
                log.warning("left out: %s", outlook)
                continue
            found[photo.name] = outlook
            result.append(BatchPhoto(photo, given.path(photo.path), groups[photo], outlook))
            if time.monotonic() - written > SECONDS_BETWEEN_WRITES:
                write_outlooks(kept, made_with, known | found)
                written = time.monotonic()
    if not result:
        raise InputError("no photo has a mask that can be reviewed")
    if found != known:
        write_outlooks(kept, made_with, found)
    return sorted(result, key=lambda photo: photo.rank)


def batch_groups(photos: Sequence[PhotoFile], pattern: str) -> dict[PhotoFile, str]:
    """Return the group of each photo: by the pattern or, where that does not fit, its folder.

    Raises:
        SettingsError: the pattern is none.
    """
    stems = [photo.path.stem for photo in photos]
    return {
        photo: group if group != stem else photo.name.rpartition("/")[0]
        for photo, stem, group in zip(photos, stems, groups_of(stems, pattern), strict=True)
    }


def _decoded(
    data: bytes,
    mask_data: bytes,
    photo: Path,
    mask: Path,
    segmenter: Segmenter,
    options: MaskOptions,
) -> FirstMask:
    pixels = decode_photo(data, str(photo))
    masked: MaskedPhoto = GivenMasks({photo: mask}).decode(mask_data, photo, pixels)
    return first_mask(segmenter, pixels, masked.mask, options)


def known_outlooks(path: Path, made_with: str) -> dict[str, Outlook]:
    """Return what was expected before; nothing if that was of another model, or is damaged."""
    with suppress(InputError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        content: Mapping[str, Any] = json.loads(read_bytes(path, MOST_BYTES))
        if (content["format"], content["made_with"]) == (FORMAT, made_with):
            return {name: Outlook(**values) for name, values in content["photos"].items()}
    return {}


def write_outlooks(path: Path, made_with: str, found: Mapping[str, Outlook]) -> None:
    """Write what is expected by a model and its options, completely or not at all."""
    photos = {name: asdict(outlook) for name, outlook in found.items()}
    content = {"format": FORMAT, "made_with": made_with, "photos": photos}
    write_bytes(path, json.dumps(content).encode(), is_durable=False)

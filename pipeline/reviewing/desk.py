"""A review that is going on: the photos, what was said of them, and those that are open.

All methods are called in worker threads. Work on one photo is done one piece at a time; on several
photos, at once.
"""

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from data.errors import InputError
from data.files import read_bytes
from data.masks import encode_mask
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.reviewing.batch import BatchPhoto, load
from pipeline.reviewing.contour_offset import group_offset, measured_offset
from pipeline.reviewing.corrected_folder import CorrectedFolder
from pipeline.reviewing.correction import Correction, corrected
from pipeline.reviewing.review_files import PhotoReview, ReviewFolder, Status
from pipeline.reviewing.strokes import Stroke

log = logging.getLogger(__name__)

MOST_OPEN = 4
"""Photos that stay in memory, some 60 bytes a pixel each."""

LEAST_MEASURED = 3
"""Accepted masks of a group from which its offset is measured."""

LEAST_OFFSET = 0.15
"""Pixels below which an offset is not worth moving a contour."""


@dataclass
class OpenPhoto:
    """A photo that is open: its mask with all strokes."""

    photo: BatchPhoto
    correction: Correction
    revision: str
    """Changes with every change of the mask."""


@dataclass(frozen=True)
class Offer:
    """An offset of the contour for the rest of a group."""

    group: str
    offset: float
    """Pixels outwards."""
    measured: int
    """Number of accepted masks that it was measured on."""
    rest: tuple[str, ...]
    """Names of the photos that it is offered for."""


@dataclass
class ReviewDesk:
    """The state of a review."""

    segmenter: Segmenter
    options: MaskOptions
    photos: dict[str, BatchPhoto]
    """By name, the least certain first."""
    reviews: dict[str, PhotoReview]
    """By name."""
    folder: ReviewFolder
    out: CorrectedFolder
    _open: OrderedDict[str, OpenPhoto] = field(default_factory=OrderedDict)
    _locks: dict[str, threading.RLock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def begin(
        cls,
        segmenter: Segmenter,
        options: MaskOptions,
        batch: Sequence[BatchPhoto],
        folder: ReviewFolder,
        out: CorrectedFolder,
    ) -> "ReviewDesk":
        """Return a review as it was left; what was accepted and is not written yet, is written.

        Raises:
            InputError: the file of a photo's review is damaged.
        """
        reviews: dict[str, PhotoReview] = {}
        for photo in batch:
            review = folder.read(photo.file, photo.outlook.mask)
            if review.mask != photo.outlook.mask:
                log.warning("%s has changed since it was reviewed, and is open again", photo.mask)
                review = replace(review, mask=photo.outlook.mask, status="open", measured=None)
            reviews[photo.file.name] = review
        photos = {photo.file.name: photo for photo in batch}
        desk = cls(segmenter, options, photos, reviews, folder, out)
        for name, review in reviews.items():
            if review.status == "accepted" and not (review.written and out.has(photos[name].file)):
                desk.accept(name)
        return desk

    def opened(self, name: str) -> OpenPhoto:
        """Return a photo with its mask, and keep it in memory for a while.

        Raises:
            InputError: it cannot be read any more.
        """
        with self._working_on(name):
            with self._lock:
                found = self._open.get(name)
                if found is not None:
                    self._open.move_to_end(name)
                    return found
            photo, review = self.photos[name], self.reviews[name]
            first = load(photo.file.path, photo.mask, self.segmenter, self.options)
            correction = corrected(self.segmenter, first, review.strokes, review.offset)
            return self._keep(name, OpenPhoto(photo, correction, secrets.token_hex(8)))

    def draw(self, name: str, stroke: Stroke) -> tuple[OpenPhoto, OpenPhoto]:
        """Add a stroke; return the photo before and after it.

        Raises:
            InputError: the photo cannot be read, or has too many strokes.
        """
        return self._change(name, lambda old: replace(old, strokes=(*old.strokes, stroke)))

    def undo(self, name: str) -> tuple[OpenPhoto, OpenPhoto]:
        """Take the last stroke back, if there is one; return the photo before and after.

        Raises:
            InputError: the photo cannot be read.
        """
        return self._change(name, lambda old: replace(old, strokes=old.strokes[:-1]))

    def move_contour(self, name: str, offset: float) -> tuple[OpenPhoto, OpenPhoto]:
        """Move the contour so many pixels outwards; return the photo before and after.

        Raises:
            InputError: the photo cannot be read, or that is too far.
        """
        return self._change(name, lambda old: replace(old, offset=offset))

    def accept(self, name: str) -> None:
        """Write the finished mask with its photo, and note that.

        Raises:
            InputError: the photo cannot be read, or there is another mask in its place.
            OSError: they cannot be written.
        """
        with self._working_on(name):
            photo, opened = self.photos[name], self.opened(name)
            mask = opened.correction.mask(self.segmenter, self.options)
            believed = opened.correction.first.believed.cpu().numpy()
            measured = measured_offset(mask, np.asarray(believed, np.float32))
            old = self.reviews[name]
            self._say(name, replace(old, status="accepted", measured=measured))
            data = read_bytes(photo.file.path)
            try:
                written = self.out.put(photo.file, data, encode_mask(mask), old.written)
            except BaseException:
                self._say(name, old)
                raise
            self._say(name, replace(self.reviews[name], written=written))

    def set_aside(self, name: str, status: Status) -> None:
        """Say that a mask that is not accepted is left for later, or open."""
        with self._working_on(name):
            if self.reviews[name].status not in ("accepted", status):
                self._say(name, replace(self.reviews[name], status=status))

    def reopen(self, name: str) -> None:
        """Take back that a mask is accepted; what was written of it is removed."""
        with self._working_on(name):
            if self.reviews[name].status == "accepted":
                self._open_again(name, self.reviews[name])

    def offers(self) -> list[Offer]:
        """Return the offsets that accepted masks of a group suggest for the rest of it."""
        return list(self._offers())

    def take_offer(self, group: str) -> Offer | None:
        """Move the contours of the rest of a group by the offset that is offered, if one is."""
        for offer in self.offers():
            if offer.group == group:
                for name in offer.rest:
                    self._change_unopened(name, offer.offset)
                return offer
        return None

    def _offers(self) -> Iterator[Offer]:
        groups: dict[str, list[str]] = {}
        for name, photo in self.photos.items():
            groups.setdefault(photo.group, []).append(name)
        for group, names in groups.items():
            accepted = [self.reviews[name] for name in names]
            found = [
                r.measured for r in accepted if r.status == "accepted" and r.measured is not None
            ]
            offset = group_offset(found) if len(found) >= LEAST_MEASURED else 0.0
            # Masks from elsewhere are drawn as their maker draws.
            rest = tuple(
                name
                for name in names
                if self.reviews[name].status != "accepted"
                and self.photos[name].outlook.is_networks
                and self.reviews[name].offset != offset
            )
            if rest and abs(offset) >= LEAST_OFFSET:
                yield Offer(group, offset, len(found), rest)

    def _change_unopened(self, name: str, offset: float) -> None:
        with self._working_on(name):
            with self._lock:
                is_open = name in self._open
            if is_open:
                self.move_contour(name, offset)
            else:
                self._say(name, replace(self.reviews[name], offset=offset))

    def _change(
        self, name: str, change: Callable[[PhotoReview], PhotoReview]
    ) -> tuple[OpenPhoto, OpenPhoto]:
        with self._working_on(name):
            before, old = self.opened(name), self.reviews[name]
            try:
                new = change(old)
            except ValueError as error:
                raise InputError(str(error)) from error
            first = before.correction.first
            correction = corrected(self.segmenter, first, new.strokes, new.offset)
            self._open_again(name, new)
            after = OpenPhoto(before.photo, correction, secrets.token_hex(8))
            return before, self._keep(name, after)

    def _open_again(self, name: str, review: PhotoReview) -> None:
        """Say something of a mask that is not accepted any more."""
        self._say(name, replace(review, status="open", measured=None))
        if review.written is not None:
            self.out.remove(self.photos[name].file, review.written)
            self._say(name, replace(self.reviews[name], written=None))

    def _say(self, name: str, review: PhotoReview) -> None:
        self.folder.write(self.photos[name].file, review)
        self.reviews[name] = review

    def _keep(self, name: str, photo: OpenPhoto) -> OpenPhoto:
        with self._lock:
            self._open[name] = photo
            self._open.move_to_end(name)
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
        return photo

    @contextmanager
    def _working_on(self, name: str) -> Iterator[None]:
        with self._lock:
            lock = self._locks.setdefault(name, threading.RLock())
        with lock:
            yield

"""What a person has mended in a review, for results of `predict` such as cutouts.

The strokes and the moved contour are applied to the logits, so that the contour of a cutout is as
smooth as that of any other.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data.errors import InputError
from data.mask_search import find_masks
from data.photo_files import PhotoFile
from pipeline.inference.manifest import file_hash
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.reviewing.batch import load
from pipeline.reviewing.correction import corrected
from pipeline.reviewing.first_mask import FirstMask
from pipeline.reviewing.review_files import PhotoReview, ReviewFolder

log = logging.getLogger(__name__)

FOUND = "%d of %d photos have a mask that was mended and accepted in the review of %s"
CHANGED = "%s has changed since it was reviewed: what was mended in it is left out"


@dataclass(frozen=True)
class MendedMask:
    """A mask, and what a person has changed in it."""

    mask: Path
    review: PhotoReview

    @property
    def key(self) -> str:
        """A hash of both."""
        own = self.review.to_json()
        said = json.dumps([own["mask"], own["strokes"], own["offset"]])
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True)
class MendedMasks:
    """Masks that were mended in a review, by the paths of their photos: a `Mending`."""

    found: Mapping[Path, MendedMask]
    segmenter: Segmenter
    options: MaskOptions
    """How the network makes masks for the results."""

    def key(self, photo: Path) -> str | None:
        """Return a hash of what is changed in the mask of a photo; None if nothing is."""
        mended = self.found.get(photo)
        return None if mended is None else mended.key

    def mended(self, photo: Path, prediction: Prediction) -> Prediction:
        """Return the prediction of a photo with the strokes and the moved contour of its review.

        Raises:
            InputError: the photo or its mask cannot be read.
        """
        mended = self.found.get(photo)
        if mended is None:
            return prediction
        first, review = self._first(photo, mended.mask), mended.review
        correction = corrected(self.segmenter, first, review.strokes, review.offset)
        return replace(prediction, on_device=correction.logits())

    def _first(self, photo: Path, mask: Path) -> FirstMask:
        """Return the mask that was reviewed, as the network's if it can be made by that.

        It may have been made without the post-processing of the results.
        """
        first = load(photo, mask, self.segmenter, self.options)
        if first.is_networks:
            return first
        return load(photo, mask, self.segmenter, replace(self.options, postprocess=()))


def mended_masks(
    photos: Sequence[PhotoFile], masks: Path, segmenter: Segmenter, options: MaskOptions
) -> MendedMasks:
    """Return the masks of `photos` that were mended and accepted in the review of a folder.

    Args:
        photos: photos, called as in the review.
        masks: the folder of masks that was reviewed.
        segmenter: model and runtime.
        options: how the network makes masks for the results.

    Raises:
        InputError: there was no review of `masks`, or a file of it is damaged.
    """
    folder = ReviewFolder.of(masks)
    if not folder.path.is_dir():
        raise InputError(f"{masks} has not been reviewed; see `foveamask review`")
    reviews = {photo.path: folder.read(photo, "") for photo in photos}
    changed = [photo for photo in photos if _is_mended(reviews[photo.path])]
    found = {}
    for photo, mask in find_masks(changed, masks).items():
        if isinstance(mask, InputError):
            raise mask
        review = reviews[photo.path]
        if file_hash(mask) == review.mask:
            found[photo.path] = MendedMask(mask, review)
        else:
            log.warning(CHANGED, mask)
    log.info(FOUND, len(found), len(photos), masks)
    return MendedMasks(found, segmenter, options)


def _is_mended(review: PhotoReview) -> bool:
    return review.status == "accepted" and bool(review.strokes or review.offset)

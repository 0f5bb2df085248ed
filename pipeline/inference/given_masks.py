"""The masks that photos come with, as files, to be refined instead of predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.arrays import Photo
from data.errors import InputError
from data.files import read_bytes
from data.geometry import Size
from data.mask_search import find_masks
from data.masks import decode_soft_mask
from data.photo_files import PhotoFile
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.mask_refining import (
    DEFAULT_REFINING,
    MaskedPhoto,
    RefiningOptions,
    check_aspect,
    refine_batch,
)
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from refine.guard import DEFAULT_GUARD


@dataclass(frozen=True)
class GivenMasks:
    """The mask of each photo, and how they are refined."""

    found: Mapping[Path, Path | InputError]
    """By the path of the photo; an error where there is none."""
    refining: RefiningOptions = DEFAULT_REFINING

    @property
    def paths(self) -> list[Path]:
        """The masks that there are."""
        return [mask for mask in self.found.values() if isinstance(mask, Path)]

    def made_with(self, model: Model) -> str:
        """Return what results depend on, besides photos, masks and the identity of `model`."""
        text = str(self.refining)
        if self.refining.guard and model.guard != DEFAULT_GUARD:
            text += f" from {model.guard.moved:.3g} and {model.guard.far:.3g} on"
        return text

    def path(self, photo: Path) -> Path:
        """Return the mask of a photo.

        Raises:
            InputError: it has none.
        """
        mask = self.found[photo]
        if isinstance(mask, InputError):
            raise mask
        return mask

    def read(self, photo: Path) -> bytes:
        """Return the file of a photo's mask.

        Raises:
            InputError: it has none, or it cannot be read.
        """
        return read_bytes(self.path(photo))

    def decode(self, data: bytes, photo: Path, pixels: Photo) -> MaskedPhoto:
        """Return a photo with its mask, of which `data` is the file.

        Raises:
            InputError: the mask is damaged, no mask, or of another aspect than the photo.
        """
        path = self.path(photo)
        mask = decode_soft_mask(data, str(path))
        if not self.refining.stretch:
            check_aspect(Size(*pixels.shape[:2]), Size(*mask.shape), str(photo), str(path))
        return MaskedPhoto(pixels, mask)

    def refine(
        self, photos: Sequence[MaskedPhoto], segmenter: Segmenter, options: MaskOptions
    ) -> list[Prediction]:
        """Return the refined masks of photos of one size."""
        return list(refine_batch(segmenter, photos, options, self.refining))


def given_masks(
    photos: Sequence[PhotoFile], place: Path, refining: RefiningOptions = DEFAULT_REFINING
) -> tuple[list[PhotoFile], GivenMasks]:
    """Return the photos among `photos`, and their masks at `place`.

    What lies in the folder of masks, or is the mask of another photo, is no photo.

    Args:
        photos: photos, and perhaps masks among them.
        place: folder of masks, or the mask of the only photo.
        refining: how the masks are refined.

    Raises:
        InputError: there is nothing at `place`, or it is one mask of several photos; or no photo
            has a mask.
    """
    if not place.exists():
        raise InputError(f"no such mask or folder: {place}")
    outside = [
        photo for photo in photos if not photo.path.resolve().is_relative_to(place.resolve())
    ]
    candidates = outside or photos  # both in one folder, such as a.jpg and a_mask.png
    found = find_masks(candidates, place)
    masks = {mask.resolve() for mask in found.values() if isinstance(mask, Path)}
    kept = [photo for photo in candidates if photo.path.resolve() not in masks]
    if not kept:
        raise InputError(f"all photos are masks in {place}; name the folder of the photos first")
    return kept, GivenMasks({photo.path: found[photo] for photo in kept}, refining)

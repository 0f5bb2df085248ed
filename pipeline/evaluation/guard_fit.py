"""What a model's refiner makes of masks that are exact, which its guard is fitted to."""

from collections.abc import Sequence

from data.arrays import Pixels
from data.images import read_photo
from data.samples import Sample, read_sample_mask
from pipeline.inference.mask_refining import MaskedPhoto, refinement
from pipeline.inference.segmenter import Segmenter
from pipeline.progress import OnStep
from refine.guard import Change

MOST_PHOTOS = 40
"""Photos that are refined, at most."""


def exact_changes(
    samples: Sequence[Sample], segmenter: Segmenter, on_photo: OnStep
) -> list[Change]:
    """Return what refining changes of the true masks of photos, spread evenly over `samples`.

    Args:
        samples: photos that the model was not trained on.
        segmenter: a model with a refiner, and its runtime.
        on_photo: called after each photo.

    Raises:
        InputError: a photo or mask is damaged.
    """
    num = min(len(samples), MOST_PHOTOS)
    chosen = [samples[i * len(samples) // num] for i in range(num)]
    changes = []
    for sample in chosen:
        mask: Pixels = read_sample_mask(sample).view("uint8") * 255
        changes.append(refinement(segmenter, MaskedPhoto(read_photo(sample.photo), mask)).change)
        on_photo(len(changes), num)
    return changes

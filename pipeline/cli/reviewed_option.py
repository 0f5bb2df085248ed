"""The option --reviewed of `predict`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError

if TYPE_CHECKING:
    from data.photo_files import PhotoFile
    from pipeline.inference.job import Job
    from pipeline.inference.mask_options import MaskOptions
    from pipeline.inference.segmenter import Segmenter
    from pipeline.reviewing.mended_masks import MendedMasks


def mended_in(
    masks: Path,
    job: "Job",
    photos: Sequence["PhotoFile"],
    segmenter: "Segmenter",
    options: "MaskOptions",
) -> "MendedMasks":
    """Return what was mended in the review of a folder of masks.

    Raises:
        InputError: there was no review, a file of it is damaged, or results would replace the
            masks.
    """
    from pipeline.reviewing.mended_masks import mended_masks

    if masks.resolve() in [output.files(job.out).resolve() for output in job.outputs]:
        raise InputError(
            f"{masks} has the masks that were reviewed, which results would replace: name another "
            "folder for the results"
        )
    return mended_masks(photos, masks, segmenter, options)

"""The files of alpha and cutouts."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from data.encoding import PNG, encode_picture
from data.errors import InputError
from data.geometry import Size
from data.photo_metadata import NO_METADATA, Metadata, decode_deep, decode_metadata
from pipeline.inference.cutouts.compose import (
    Samples,
    alpha_of,
    box_of,
    cutout,
    to_pixels,
)
from pipeline.inference.cutouts.crop_box import Box
from pipeline.inference.cutouts.cutout_options import CutoutOptions
from pipeline.inference.outputs import Finished, Output

Boxes = Mapping[Path, Box]
"""The box of the objects of a photo's group, without margin. Photos may be missing."""


def alpha_output(options: CutoutOptions) -> Output:
    """Return the output of alpha: 8 bits of grey, of the size of the photo."""

    def encode(finished: Finished) -> bytes:
        alpha = to_pixels(alpha_of(finished.prediction, options))
        return encode_picture(alpha, PNG, metadata=Metadata(provenance=finished.provenance))

    return Output("alpha", ".png", encode, options.alpha_text(), has_metadata=options.metadata)


def cutout_output(options: CutoutOptions, boxes: Boxes | None = None) -> Output:
    """Return the output of cutouts.

    Args:
        options: how they are made.
        boxes: what photos of a group share, see `group_boxes`; needed with `crop="group"`.

    Raises:
        ValueError: `crop` is "group", and there are no boxes.
    """
    if options.crop == "group" and boxes is None:
        raise ValueError("photos of a group share a box, which `group_boxes` finds")
    shared = boxes or {}
    return Output(
        "cutout",
        f".{options.form.name}",
        lambda finished: encode_cutout(finished, options, shared.get(finished.photo)),
        options.cutout_text(),
        needs_file=True,
        is_grey=False,
        of_photo=None if boxes is None else lambda photo: str(shared.get(photo)),
        has_metadata=options.metadata,
    )


def encode_cutout(finished: Finished, options: CutoutOptions, shared: Box | None) -> bytes:
    """Return the file of a cutout.

    Raises:
        InputError: it is too large for its format.
    """
    form, alpha = options.form, alpha_of(finished.prediction, options)
    box = box_of(alpha, options, shared)
    if max(box.size) > form.max_side:
        raise InputError(
            f"{finished.photo}: its cutout of {box.size.width} x {box.size.height} is too large "
            f"for {form.name}, which holds {form.max_side} pixels a side; choose png"
        )
    pixels = cutout(_deepest(finished, options), alpha, options.background, box)
    metadata = NO_METADATA
    if options.metadata:
        metadata = decode_metadata(
            finished.data,
            str(finished.photo),
            Size(*pixels.shape[:2]),
            in_srgb=pixels.dtype == np.uint8,
        )
    metadata = replace(metadata, provenance=finished.provenance)
    return encode_picture(pixels, form, options.quality, metadata)


def _deepest(finished: Finished, options: CutoutOptions) -> Samples:
    """Return the pixels of a photo, with 16 bits if it and the format have them."""
    if options.form.has_16_bits:
        deep = decode_deep(finished.data, str(finished.photo))
        if deep is not None and deep.shape == finished.prediction.photo.shape:
            return deep
    return finished.prediction.photo

"""The files of alpha and cutouts."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from data.arrays import Photo
from data.encoding import PNG, encode_picture
from data.errors import InputError
from data.geometry import Size
from data.groups import CARVANA_GROUP, groups_of
from data.images import read_photo
from data.photo_files import PhotoFile
from data.photo_metadata import NO_METADATA, Metadata, decode_deep, decode_metadata
from pipeline.inference.cutouts.compose import (
    Samples,
    alpha_of,
    box_of,
    cutout,
    to_pixels,
    visible_box,
)
from pipeline.inference.cutouts.crop_box import Box, shared_box
from pipeline.inference.cutouts.cutout_options import CutoutOptions
from pipeline.inference.given_masks import GivenMasks
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.mask_refining import MaskedPhoto
from pipeline.inference.mending import Mending
from pipeline.inference.outputs import Finished, Output
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import predict_stream
from pipeline.progress import progress

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


def group_boxes(
    photos: Sequence[PhotoFile],
    segmenter: Segmenter,
    options: MaskOptions,
    cutouts: CutoutOptions,
    groups_of_photos: Sequence[str],
    *,
    given: GivenMasks | None = None,
    mending: Mending | None = None,
) -> dict[Path, Box]:
    """Return the box of the objects of each photo's group, for which all photos are predicted.

    Photos that cannot be read have none, nor have groups without an object.

    Args:
        photos: the photos.
        segmenter: model and runtime.
        options: how masks are made.
        cutouts: how alpha is made.
        groups_of_photos: the group of each photo, see `group_names`.
        given: masks that are refined instead of predicted.
        mending: what is changed in some masks once they are predicted.
    """
    groups: dict[str, list[Path]] = {}
    found: dict[str, list[Box | None]] = {}
    stream = _boxes(photos, segmenter, options, cutouts, given, mending)
    with closing(stream) as results, progress("finding the boxes of groups") as on_photo:
        for i, (photo, result) in enumerate(zip(photos, results, strict=True)):
            if not isinstance(result, InputError):
                groups.setdefault(groups_of_photos[i], []).append(photo.path)
                found.setdefault(groups_of_photos[i], []).append(result)
            on_photo(i + 1, len(photos))
    shared = {group: shared_box(boxes) for group, boxes in found.items()}
    return {
        photo: box
        for group, members in groups.items()
        if (box := shared[group]) is not None
        for photo in members
    }


def _boxes(
    photos: Sequence[PhotoFile],
    segmenter: Segmenter,
    options: MaskOptions,
    cutouts: CutoutOptions,
    given: GivenMasks | None,
    mending: Mending | None,
) -> Generator[Box | InputError | None, None, None]:
    """Yield the box of the object of each photo; None if there is no object."""

    def box_of_object(photo: PhotoFile, prediction: Prediction) -> Box | None:
        if mending is not None:
            prediction = mending.mended(photo.path, prediction)
        return visible_box(alpha_of(prediction, cutouts))

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

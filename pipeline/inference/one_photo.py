"""One photo, from bytes to bytes."""

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from data.arrays import Photo
from data.errors import InputError
from data.images import decode_photo
from pipeline.inference.expected import Expectation, expectation, interval_of
from pipeline.inference.made_with import made_with
from pipeline.inference.manifest import bytes_hash
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions
from pipeline.inference.outputs import MASK, Finished, Output
from pipeline.inference.prediction import Prediction
from pipeline.inference.records import Record
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import predict_stream


@dataclass(frozen=True)
class PhotoResult:
    """The file that `predict` would write for a photo."""

    data: bytes
    is_known: bool | None
    """Whether the photo is like those the model was trained on; None if the model cannot tell."""
    expected: Expectation | None = None
    """What is expected of its mask, if that was asked for."""


def result_of(
    data: bytes,
    name: str,
    segmenter: Segmenter,
    options: MaskOptions = DEFAULT_OPTIONS,
    output: Output = MASK,
    *,
    with_dice: bool = False,
) -> PhotoResult:
    """Return the file that `predict` would write for a photo.

    Args:
        data: the file of the photo.
        name: its name in messages.
        segmenter: model and runtime.
        options: how masks are made.
        output: what is made of the photo.
        with_dice: whether to say what is expected of the mask.

    Raises:
        InputError: the photo cannot be decoded, or the refined stage is requested, but the model
            has no refiner.
    """
    sha256 = bytes_hash(data)
    provenance = made_with(segmenter, options, [output]).provenance(output, sha256)
    interval = interval_of(segmenter, options) if with_dice else None

    def read(_: str) -> Photo:
        return decode_photo(data, name)

    def encode(_: str, prediction: Prediction) -> PhotoResult:
        result = output.encode(Finished(Path(name), prediction, data, provenance))
        if output.joined is not None and output.joined.is_of_parts:
            result = b"".join(output.joined.pieces([result]))
        if not with_dice:
            return PhotoResult(result, prediction.is_known)
        record = Record(sha256, {}, prediction.predicted_dice, prediction.is_known)
        return PhotoResult(result, prediction.is_known, expectation(record, interval))

    predict = partial(segmenter.predict_batch, options=options)
    with closing(predict_stream([name], read, predict, encode, segmenter.device)) as results:
        result = next(results)
    if isinstance(result, InputError):
        raise result
    return result

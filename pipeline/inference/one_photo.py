"""One photo, from bytes to bytes."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from data.arrays import Photo
from data.errors import InputError
from data.images import decode_photo
from pipeline.dice_interval import DiceInterval
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
    interval = interval_of(segmenter, options) if with_dice else None

    def read(_: str) -> Photo:
        return decode_photo(data, name)

    def encode(_: str, prediction: Prediction) -> PhotoResult:
        (result,) = encoded(data, name, prediction, segmenter, options, [output])
        expected = expected_of(prediction, interval) if with_dice else None
        return PhotoResult(result, prediction.is_known, expected)

    predict = partial(segmenter.predict_batch, options=options)
    with closing(predict_stream([name], read, predict, encode, segmenter.device)) as results:
        result = next(results)
    if isinstance(result, InputError):
        raise result
    return result


def encoded(
    data: bytes,
    name: str,
    prediction: Prediction,
    segmenter: Segmenter,
    options: MaskOptions,
    outputs: Sequence[Output],
) -> list[bytes]:
    """Return the files that `predict` would write for a photo that has been predicted.

    Args:
        data: the file of the photo.
        name: its name, which some outputs hold; no file of that name is looked for.
        prediction: made of it by `segmenter` with `options`.
        segmenter: model and runtime.
        options: how the mask was made.
        outputs: what is made of the photo.

    Raises:
        InputError: an output cannot be made, such as a cutout too large for its format.
    """
    sha256, made = bytes_hash(data), made_with(segmenter, options, outputs)
    files = []
    for output in outputs:
        provenance = made.provenance(output, sha256)
        file = output.encode(Finished(Path(name), prediction, data, provenance))
        if output.joined is not None and output.joined.is_of_parts:
            file = b"".join(output.joined.pieces([file]))
        files.append(file)
    return files


def expected_of(prediction: Prediction, interval: DiceInterval | None) -> Expectation:
    """Return what is expected of the mask of a prediction."""
    record = Record("", {}, prediction.predicted_dice, prediction.is_known)
    return expectation(record, interval)

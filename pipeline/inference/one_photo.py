"""One photo, from bytes to bytes."""

from contextlib import closing
from functools import partial
from pathlib import Path

from data.arrays import Photo
from data.errors import InputError
from data.images import decode_photo
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions
from pipeline.inference.outputs import MASK, Finished, Output
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import predict_stream


def result_of(
    data: bytes,
    name: str,
    segmenter: Segmenter,
    options: MaskOptions = DEFAULT_OPTIONS,
    output: Output = MASK,
) -> tuple[bytes, bool | None]:
    """Return the file that `predict` would write for a photo, and whether the model knows such.

    Args:
        data: the file of the photo.
        name: its name in messages.
        segmenter: model and runtime.
        options: how masks are made.
        output: what is made of the photo.

    Raises:
        InputError: the photo cannot be decoded, or the refined stage is requested, but the model
            has no refiner.
    """
    segmenter.check_stage(options.stage)

    def read(_: str) -> Photo:
        return decode_photo(data, name)

    def encode(_: str, prediction: Prediction) -> tuple[bytes, bool | None]:
        return output.encode(Finished(Path(name), prediction, data)), prediction.is_known

    predict = partial(segmenter.predict_batch, options=options)
    with closing(predict_stream([name], read, predict, encode, segmenter.device)) as results:
        result = next(results)
    if isinstance(result, InputError):
        raise result
    return result

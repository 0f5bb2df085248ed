"""POST /v1/masks: every output that `predict` has, and what is expected of the mask."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from data.encoding import FORMATS
from data.errors import InputError
from data.polygons import POLYGONS
from data.polygons.options import PolygonOptions
from pipeline import Stage
from pipeline.inference import OUTPUT_NAMES
from pipeline.inference.chosen_outputs import chosen_outputs
from pipeline.inference.cutouts.background import Background
from pipeline.inference.cutouts.crop_box import NO_MARGIN, Margin
from pipeline.inference.cutouts.cutout_options import (
    MOST_GROWTH,
    AlphaKind,
    CutoutOptions,
    FormatName,
)
from pipeline.inference.expected import KNOWN, Expectation, measured_interval
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.one_photo import encoded, expected_of
from pipeline.inference.outputs import Output
from pipeline.serving.api_error import ApiError, bad
from pipeline.serving.form_fields import Form, FormField, FormValues, Upload
from pipeline.serving.photo_engine import PhotoEngine, Predicted
from pipeline.serving.reply import Reply, zipped
from refine.postprocess import Step, parse

PHOTO = FormField(name="photo", kind="file", about="The photo, a file.")

FIELDS = (
    PHOTO,
    FormField(
        name="output",
        example="mask,coco",
        default="mask",
        about=f"What to make, with commas between: {', '.join(OUTPUT_NAMES)}.",
    ),
    FormField(
        name="answer",
        kind="choice",
        choices=("file", "zip", "json"),
        about="One file, a zip archive, or JSON with the files in base 64. By default a file if "
        "there is one output, else an archive.",
    ),
    FormField(
        name="stage",
        kind="choice",
        choices=get_args(Stage),
        about="Last stage of the model to run.",
    ),
    FormField(
        name="budget",
        kind="integer",
        least=0,
        most=10_000_000,
        about="Most tiles to refine, the most uncertain first; by default as the model says.",
    ),
    FormField(
        name="postprocess",
        example="close-open=5,components=200",
        about="Steps such as close-open=5,components=200, or none; by default those of the model.",
    ),
    FormField(
        name="alpha",
        kind="choice",
        choices=get_args(AlphaKind),
        default="contour",
        about="Alpha is the share of a pixel inside the contour, or its probability.",
    ),
    FormField(
        name="grow",
        kind="number",
        least=-MOST_GROWTH,
        most=MOST_GROWTH,
        about="Pixels by which the contour is moved outward.",
    ),
    FormField(
        name="background", example="white", about="A colour to lay the cutout on: white, #rrggbb."
    ),
    FormField(name="background_file", kind="file", about="A picture to lay the cutout on."),
    FormField(
        name="format", kind="choice", choices=tuple(FORMATS), about="Format of the cutout, png."
    ),
    FormField(
        name="quality", kind="integer", least=1, most=100, about="Of webp, jpg and avif cutouts."
    ),
    FormField(
        name="crop",
        kind="choice",
        choices=("none", "object"),
        about="Crop the cutout to the object.",
    ),
    FormField(
        name="margin",
        example="3%",
        about="What is kept around the object: 3% or pixels, such as 20.",
    ),
    FormField(
        name="metadata",
        kind="boolean",
        default="true",
        about="Let files say how they were made, and carry EXIF data and colour profile over.",
    ),
    FormField(
        name="tolerance",
        kind="number",
        least=0,
        most=1000,
        about="Pixels by which polygons may leave the contour.",
    ),
    FormField(
        name="instances",
        kind="boolean",
        default="false",
        about="Each part is an object of its own.",
    ),
    FormField(
        name="category", example="car", default="object", about="Name of the object in polygons."
    ),
)


@dataclass(frozen=True)
class MasksCall:
    """A checked request."""

    photo: Upload
    options: MaskOptions
    outputs: Sequence[Output]
    answer: str

    @classmethod
    def parse(cls, form: Form, engine: PhotoEngine) -> "MasksCall":
        """Return the request of a form; to be called in a worker thread.

        Raises:
            ApiError: a field is wrong.
        """
        values = FormValues(FIELDS, form, ignore_others=False)
        photo = values.upload("photo")
        if photo is None:
            raise bad("missing_source", "Send a photo in the field photo")
        try:
            names = _names(values.text("output"))
            outputs = chosen_outputs(names, _cutouts(values, engine), _polygons(values, names))
            answer = values.text("answer") or ("file" if len(outputs) == 1 else "zip")
            options = _options(values)
            engine.segmenter.check_stage(options.stage)
        except ApiError:
            raise
        except InputError as error:
            raise bad("invalid_parameter", str(error).replace("--", "")) from error
        if answer == "file" and len(outputs) > 1:
            raise bad("invalid_parameter", "answer file takes one output; choose zip or json")
        return cls(photo, options, outputs, answer)

    def reply(self, engine: PhotoEngine) -> Reply:
        """Return the answer; to be called in a worker thread.

        Raises:
            ApiError: the photo cannot be read, or an output cannot be made of it.
        """
        return engine.predicting(
            self.photo, self.options, lambda predicted: self._finish(engine, predicted)
        )

    def _finish(self, engine: PhotoEngine, predicted: Predicted) -> Reply:
        segmenter, prediction = engine.segmenter, predicted.prediction
        expected = expected_of(prediction, measured_interval(segmenter, self.options))
        data, name = self.photo.data, self.photo.name
        files = encoded(data, name, prediction, segmenter, self.options, self.outputs)
        stem = name.rpartition(".")[0] or name
        about = about_mask(predicted, engine, expected)
        headers = headers_of(about)
        if self.answer == "file":
            return Reply(files[0], f"{stem}{self.outputs[0].suffix}", headers)
        suffixes = [output.suffix for output in self.outputs]
        if self.answer == "zip":
            paths = [f"{output.name}/{stem}{output.suffix}" for output in self.outputs]
            archive = dict(zip(paths, files, strict=True))
            archive["result.json"] = _json(about)
            return Reply(zipped(archive), f"{stem}.zip", headers)
        contents = {
            output.name: {
                "name": f"{stem}{suffix}",
                "type": Reply(b"", suffix).media_type,
                "base64": base64.b64encode(file).decode(),
            }
            for output, suffix, file in zip(self.outputs, suffixes, files, strict=True)
        }
        return Reply(_json(about | {"files": contents}), f"{stem}.json", headers)


def about_mask(predicted: Predicted, engine: PhotoEngine, expected: Expectation) -> dict[str, Any]:
    """Return what is known of a mask, for JSON."""
    prediction = predicted.prediction
    interval = None if expected.interval is None else [round(end, 6) for end in expected.interval]
    return {
        "photo": predicted.upload.name,
        "width": prediction.photo.shape[1],
        "height": prediction.photo.shape[0],
        "expected_dice": None if expected.dice is None else round(expected.dice, 6),
        "interval": interval,
        "known": prediction.is_known,
        "tiles": len(prediction.tiles),
        "model": engine.segmenter.identity,
    }


def headers_of(about: dict[str, Any]) -> dict[str, str]:
    """Return `about_mask` as headers; what is not known has none."""
    headers = {
        "X-Width": about["width"],
        "X-Height": about["height"],
        "X-Expected-Dice": about["expected_dice"],
        "X-Expected-Dice-Interval": about["interval"] and "{}, {}".format(*about["interval"]),
        "X-Known": KNOWN[about["known"]] or None,
        "X-Tiles": about["tiles"],
        "X-Model": about["model"],
    }
    return {name: str(value) for name, value in headers.items() if value is not None}


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if len(set(names)) < len(names) or set(names) - set(OUTPUT_NAMES):
        raise bad("invalid_parameter", f"output takes {', '.join(OUTPUT_NAMES)}, each once")
    return names


def _options(values: FormValues) -> MaskOptions:
    return MaskOptions(
        stage=cast("Stage | None", values.text("stage") or None),
        budget=values.whole("budget"),
        postprocess=_steps(values.text("postprocess")),
    )


def _steps(text: str) -> tuple[Step, ...] | None:
    if not text:
        return None
    try:
        return tuple(parse(step.strip()) for step in ([] if text == "none" else text.split(",")))
    except ValueError as error:
        raise bad("invalid_parameter", f"postprocess: {error}") from error


def _cutouts(values: FormValues, engine: PhotoEngine) -> CutoutOptions:
    return CutoutOptions(
        alpha=cast("AlphaKind", values.text("alpha")),
        grow=values.number("grow") or 0.0,
        background=background_of(
            values.text("background"), values.upload("background_file"), engine
        ),
        format=cast("FormatName | None", values.text("format") or None),
        quality=values.whole("quality"),
        crop="object" if values.text("crop") == "object" else None,
        margin=Margin.parse(values.text("margin")) if values.text("margin") else NO_MARGIN,
        metadata=values.flag("metadata"),
    )


def background_of(colour: str, upload: Upload | None, engine: PhotoEngine) -> Background | None:
    """Return a background of a colour or an uploaded picture; text is never a path here.

    Raises:
        ApiError: both are given, the text is no colour, or the picture cannot be read.
    """
    if colour and upload is not None:
        raise bad("invalid_parameter", "The background is a colour or a picture, not both")
    if upload is not None:
        return Background.of_picture(engine.decode(upload))
    background = Background.of_colour(colour) if colour else None
    if colour and background is None:
        raise bad("invalid_parameter", f"{colour[:40]!r} is no colour; try white or #rrggbb")
    return background


def _polygons(values: FormValues, names: Sequence[str]) -> PolygonOptions | None:
    if not set(names) & set(POLYGONS):
        return None
    tolerance = values.number("tolerance") or 0.0
    return PolygonOptions(values.text("category"), tolerance, values.flag("instances"))


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode()

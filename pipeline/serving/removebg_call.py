"""POST /v1.0/removebg: the API of remove.bg, for clients that exist.

Parameters, answers and errors are those of https://www.remove.bg/api. docs/how-to/serve.md
lists what differs.
"""

import base64
import json
from dataclasses import dataclass

import numpy as np
from PIL import ImageColor

from data.arrays import Pixels
from data.encoding import FORMATS, encode_picture
from data.geometry import Size
from pipeline.inference.cutouts.background import Background
from pipeline.inference.cutouts.compose import alpha_of, box_of, cutout, to_pixels, visible_box
from pipeline.inference.cutouts.crop_box import Box, object_box
from pipeline.inference.cutouts.cutout_options import CutoutOptions
from pipeline.inference.mask_options import MaskOptions
from pipeline.serving.api_error import ApiError, bad
from pipeline.serving.form_fields import Form, FormField, FormValues, Upload
from pipeline.serving.masks_call import background_of
from pipeline.serving.photo_engine import PhotoEngine, Predicted
from pipeline.serving.reply import MEDIA_TYPES, Reply, zipped
from pipeline.serving.subject_layout import Margins, Placement, region, resized
from refine.matte.coverage import Floats

MEGAPIXELS = {
    **dict.fromkeys(("preview", "small", "regular"), 0.25),
    "medium": 1.5,
    "hd": 4.0,
    **dict.fromkeys(("full", "4k", "50MP", "auto"), float("inf")),
}
"""Most megapixels of a result by `size`."""

TYPES = ("auto", "person", "product", "car", "animal", "graphic", "transportation", "other")

NO_URL = "No address is fetched: send the picture itself, as image_file or image_file_b64"
NO_SHADOW = "This server adds no shadows: leave add_shadow and shadow_type out"

FIELDS = (
    FormField(name="image_file", kind="file", about="The photo, a file."),
    FormField(name="image_file_b64", kind="base64", about="The photo in base 64, instead."),
    FormField(name="image_url", is_refused=True, about=f"Refused. {NO_URL}."),
    FormField(
        name="size",
        kind="choice",
        choices=tuple(MEGAPIXELS),
        default="auto",
        about="Most megapixels of the result: preview 0.25, medium 1.5, hd 4; else as the photo.",
    ),
    FormField(
        name="type", kind="choice", choices=TYPES, default="auto", about="Repeated in X-Type only."
    ),
    FormField(name="type_level", about="Has no effect."),
    FormField(
        name="format",
        kind="choice",
        choices=("auto", "png", "jpg", "webp", "zip"),
        default="auto",
        about="auto is png, or jpg on an opaque background; zip holds color.jpg and alpha.png.",
    ),
    FormField(
        name="roi",
        example="10% 10% 90% 90%",
        about="Where the object may be: x1 y1 x2 y2, in px or %.",
    ),
    FormField(name="crop", kind="boolean", default="false", about="Crop to the object."),
    FormField(
        name="crop_margin",
        example="30px",
        about="Kept around it: one, two or four lengths, 30px or 10%.",
    ),
    FormField(
        name="scale",
        example="80%",
        about="Size of the object on the canvas: original, or 10% to 100%.",
    ),
    FormField(
        name="position",
        example="center",
        about="original, center, or one or two shares from 0% to 100%.",
    ),
    FormField(
        name="channels",
        kind="choice",
        choices=("rgba", "alpha"),
        default="rgba",
        about="The cutout, or its alpha in grey.",
    ),
    FormField(name="add_shadow", kind="boolean", default="false", about=f"Refused. {NO_SHADOW}."),
    FormField(name="shadow_type", about="Refused unless none."),
    FormField(name="shadow_opacity", about="Has no effect."),
    FormField(name="semitransparency", kind="boolean", default="true", about="Has no effect."),
    FormField(
        name="bg_color",
        example="#ff8800",
        about="A name, or 3, 4, 6 or 8 hexadecimal digits, with # or not.",
    ),
    FormField(name="bg_image_file", kind="file", about="A picture behind the object."),
    FormField(name="bg_image_url", is_refused=True, about="Refused; send bg_image_file."),
)


@dataclass(frozen=True)
class RemoveBgCall:
    """A checked request. `region` needs the size of the photo, so its text is read later."""

    photo: Upload
    values: FormValues
    margins: Margins
    placement: Placement
    background: Background | None
    colour: tuple[int, int, int, int] | None
    """RGBA behind the object."""
    wants_json: bool

    @classmethod
    def parse(cls, form: Form, engine: PhotoEngine, *, wants_json: bool) -> "RemoveBgCall":
        """Return the request of a form; to be called in a worker thread.

        Raises:
            ApiError: a field is wrong, or asks for what there is not.
        """
        values = FormValues(FIELDS, form, ignore_others=True)
        if values.text("image_url") or values.text("bg_image_url"):
            raise bad("url_not_supported", NO_URL)
        if values.flag("add_shadow") or values.text("shadow_type") not in ("", "none"):
            raise bad("shadow_not_supported", NO_SHADOW)
        sources = [values.upload("image_file"), values.decoded("image_file_b64")]
        photos = [source for source in sources if source is not None]
        if len(photos) != 1:
            code = "multiple_sources" if photos else "missing_source"
            raise bad(code, "Send one picture, as image_file or image_file_b64")
        if values.text("roi"):
            region(values.text("roi"), Size(10_000, 10_000))  # whether it is one at all
        picture, colour = values.upload("bg_image_file"), _colour(values.text("bg_color"))
        if picture is not None and colour is not None:
            raise bad("invalid_parameter", "Send bg_color or bg_image_file, not both")
        return cls(
            photos[0],
            values,
            Margins.parse(values.text("crop_margin")),
            Placement.parse(values.text("scale"), values.text("position")),
            background_of("", picture, engine),
            colour,
            wants_json,
        )

    def reply(self, engine: PhotoEngine) -> Reply:
        """Return the answer; to be called in a worker thread.

        Raises:
            ApiError: the photo cannot be read, or there is no object in it.
        """
        return engine.predicting(self.photo, MaskOptions(), self._finish)

    def _finish(self, predicted: Predicted) -> Reply:
        photo = predicted.prediction.photo
        alpha = alpha_of(predicted.prediction, CutoutOptions())
        if self.values.text("roi"):
            inside = np.zeros_like(alpha)
            slices = region(self.values.text("roi"), Size(*alpha.shape)).slices
            inside[slices] = alpha[slices]
            alpha = inside
        pixels = cutout(photo, alpha, None, self._box(alpha))
        most = MEGAPIXELS[self.values.text("size")] * 1e6
        if alpha.size > most:
            pixels = resized(pixels, (most / alpha.size) ** 0.5)
        return self._encoded(self.placement.placed(pixels))

    def _box(self, alpha: Floats) -> Box:
        """Return the part of the photo that is kept.

        Raises:
            ApiError: there is no object.
        """
        found = visible_box(alpha)
        if found is None:
            raise bad("unknown_foreground", "Could not identify foreground in image")
        if not self.values.flag("crop"):
            return box_of(alpha, CutoutOptions())
        return self.margins.around(found, Size(*alpha.shape))

    def _encoded(self, cut: Pixels) -> Reply:
        """Return the answer with (h, w, 4) RGBA, on its background."""
        found = object_box(cut[..., 3] > 0) or Box(0, 0, 0, 0)
        result = self._laid(cut)
        form = self.values.text("format")
        if form == "zip":
            files = {"color.jpg": _encode(result[..., :3], "jpg")}
            files["alpha.png"] = _encode(cut[..., 3], "png")
            body, name = zipped(files), "removebg.zip"
        else:
            is_opaque = result.shape[2] == 3 and self.values.text("channels") == "rgba"
            form = ("jpg" if is_opaque else "png") if form == "auto" else form
            body, name = self._picture(cut, result, form), f"removebg.{form}"
        top, left, height, width = found.top, found.left, *found.size
        headers = {
            "X-Width": cut.shape[1],
            "X-Height": cut.shape[0],
            "X-Type": self.values.text("type").replace("auto", "other"),
            "X-Credits-Charged": 0,
            "X-Foreground-Top": top,
            "X-Foreground-Left": left,
            "X-Foreground-Width": width,
            "X-Foreground-Height": height,
        }
        texts = {key: str(value) for key, value in headers.items()}
        if not self.wants_json:
            return Reply(body, name, texts)
        data = {
            "result_b64": base64.b64encode(body).decode(),
            "foreground_top": top,
            "foreground_left": left,
            "foreground_width": width,
            "foreground_height": height,
        }
        return Reply(json.dumps({"data": data}).encode(), "removebg.json", texts)

    def _picture(self, cut: Pixels, result: Pixels, form: str) -> bytes:
        if self.values.text("channels") == "alpha":
            return _encode(cut[..., 3], form)
        if form == "jpg" and result.shape[2] == 4:
            result = over(result, np.full((1, 1, 4), 255, np.uint8))[..., :3]
        return _encode(result, form)

    def _laid(self, cut: Pixels) -> Pixels:
        """Return (h, w, 4) RGBA on the background; (h, w, 3) if that is opaque."""
        if self.background is not None:
            behind = self.background.covering(Size(*cut.shape[:2]))
            return over(cut, np.dstack([behind, to_pixels(np.ones(cut.shape[:2], np.float32))]))[
                ..., :3
            ]
        if self.colour is None:
            return cut
        result = over(cut, np.array([[self.colour]], np.uint8))
        return result[..., :3] if self.colour[3] == 255 else result


def over(front: Pixels, behind: Pixels) -> Pixels:
    """Return (h, w, 4) RGBA `front` over RGBA `behind` of the same size, or of one pixel."""
    share = front[..., 3:] / np.float32(255)
    rest = (1 - share) * (behind[..., 3:] / np.float32(255))
    alpha = share + rest
    colours = (front[..., :3] * share + behind[..., :3] * rest) / np.maximum(
        alpha, np.float32(1e-6)
    )
    return np.rint(np.dstack([colours, alpha * 255])).clip(0, 255).astype(np.uint8)


def _colour(text: str) -> tuple[int, int, int, int] | None:
    """Return the RGBA of `bg_color`.

    Raises:
        ApiError: it is no colour.
    """
    if not text:
        return None
    digits = text.lower().removeprefix("#")
    is_hex = len(digits) in (3, 4, 6, 8) and not set(digits) - set("0123456789abcdef")
    if not is_hex and digits not in ImageColor.colormap:
        raise bad("invalid_parameter", f"bg_color {text[:40]!r} is no colour")
    red, green, blue, *rest = ImageColor.getrgb(f"#{digits}" if is_hex else digits)
    return red, green, blue, rest[0] if rest else 255


def _encode(pixels: Pixels, form: str) -> bytes:
    if max(pixels.shape[:2]) > FORMATS[form].max_side:
        raise ApiError(400, "invalid_parameter", f"The result is too large for {form}; choose png")
    return encode_picture(np.ascontiguousarray(pixels), FORMATS[form])


RESULT_TYPES = tuple(MEDIA_TYPES[name] for name in ("png", "jpg", "webp", "zip", "json"))
"""Media types of results."""

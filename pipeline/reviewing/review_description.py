"""The OpenAPI document of `foveamask review`."""

from collections.abc import Sequence

from pipeline.reviewing.review_fields import GROUP, NAME, OFFSET, STATUS, STROKE
from pipeline.serving.form_fields import FormField
from pipeline.serving.form_reading import JSON
from pipeline.serving.openapi_parts import (
    BINARY,
    OBJECT,
    REFUSALS,
    Schema,
    asked,
    described,
    posted,
)

ABOUT = (
    "Only names of photos of the batch are known, as the list of photos gives them. A missing "
    "field and an empty one are the same."
)

ON_PHOTOS = {
    **REFUSALS,
    "404": "The batch has no photo of that name.",
    "507": "Nothing can be written.",
}


def document() -> Schema:
    """Return the document, for JSON."""
    paths = {
        "": asked("All photos, the least certain first", (), {JSON: OBJECT}),
        "/photo": _about_photo("A photo with its mask", JSON, OBJECT),
        "/picture": _about_photo("A photo as JPEG of its working size", "image/jpeg", BINARY),
        "/stroke": _said("Add a stroke", STROKE, "name", "label", "points"),
        "/undo": _said("Take the last stroke back", (NAME,), "name"),
        "/contour": _said("Move the contour", OFFSET, "name"),
        "/accept": _said("Write the finished mask", (NAME,), "name"),
        "/reopen": _said("Take back that a mask is accepted", (NAME,), "name"),
        "/status": _said("Leave a mask for later, or open", STATUS, "name"),
        "/offer": _said("Move the contours of a group by the offset that is offered", (GROUP,)),
    }
    own = {f"/v1/review{path}": each for path, each in paths.items()}
    return described("foveamask review", ABOUT, own)


def _about_photo(summary: str, kind: str, schema: Schema) -> Schema:
    return asked(summary, (NAME,), {kind: schema}, refusals=ON_PHOTOS)


def _said(summary: str, fields: Sequence[FormField], *required: str) -> Schema:
    return posted(summary, fields, {JSON: OBJECT}, required=required, refusals=ON_PHOTOS)
